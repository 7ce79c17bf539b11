import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTool, type ScratchStack, scratchStack } from '../support/scratch.ts';
import { fingerprint } from '../support/untouched.ts';

const compose = `
services:
  app:
    image: debian:bookworm-slim
    init: true
    command: [sleep, infinity]
    environment: { DB_PASSWORD: "\${DB_PASSWORD}" }
    volumes: [data:/data, ./files:/files]
volumes:
  data:
`;
const password = 'pw-0f-the-first-steps';

describe('the first steps with a running project', () => {
  let stack: ScratchStack;
  const tool = (...args: readonly string[]) => runTool(args, { cwd: stack.folder });
  const written = () => readFile(join(stack.folder, 'backup.config.yaml'), 'utf8');

  beforeAll(async () => {
    stack = await scratchStack(compose, {
      files: { 'files/here': 'here\n', 'stack.env': `DB_PASSWORD=${password}\n` },
    });
    using database = new DatabaseSync(join(stack.folder, 'files/shop.db'));
    database.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (1)');
    await stack.compose('--env-file', 'stack.env', 'up', '-d', '--pull', 'never', '--no-build');
  });
  afterAll(() => stack?.down());

  it('init --print shows a configuration and writes nothing', async () => {
    const before = await fingerprint(stack.folder);
    const ended = await tool('init', stack.project, '--print');
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^# yaml-language-server: \$schema=/);
    expect(ended.stdout).toContain(`  ${stack.project}:`);
    expect(ended.stdout).not.toContain(password);
    expect(await fingerprint(stack.folder)).toEqual(before);
  });

  it('init of a project that does not run names those that do, and writes nothing', async () => {
    const before = await fingerprint(stack.folder);
    const ended = await tool('init', stack.project.slice(0, -1));
    expect(ended).toMatchObject({ exitCode: 2, stdout: '' });
    expect(ended.stderr).toContain(`did you mean '${stack.project}'?`);
    expect(await fingerprint(stack.folder)).toEqual(before);
  });

  it('init writes what it showed; under it a plan and a backup work', async () => {
    const shown = await tool('init', stack.project, '--print');
    const ended = await tool('init', stack.project);
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
    expect(ended.stdout).toBe(
      `wrote ${stack.folder}/backup.config.yaml\nnext: \`stack-backup plan ${stack.project}\` shows what a backup would do\n`,
    );
    const text = await written();
    expect(text).toBe(shown.stdout);
    for (const part of [
      'compose_files: [compose.yaml]',
      'env_file: stack.env',
      'kind: sqlite',
      '/files/shop.db',
    ])
      expect(text).toContain(part);

    const plan = await tool('plan', stack.project);
    expect(plan).toMatchObject({ exitCode: 0, stderr: '' });
    expect(plan.stdout).toContain(`${stack.project}_data`);
    const backup = await tool(stack.project, '--quiet');
    expect(backup).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    const [snapshot = ''] = (await readdir(join(stack.folder, 'backups'))).filter((name) =>
      name.startsWith(`${stack.project}-`),
    );
    const dump = join(stack.folder, 'backups', snapshot, 'dumps/app/files%2Fshop.db.sqlite');
    using database = new DatabaseSync(dump, { readOnly: true });
    expect(database.prepare('SELECT id FROM orders').all()).toMatchObject([{ id: 1 }]);
  });

  it('init never overwrites a configuration', async () => {
    const before = await fingerprint(join(stack.folder, 'backup.config.yaml'));
    const ended = await tool('init', stack.project);
    expect(ended).toMatchObject({ exitCode: 2, stdout: '' });
    expect(ended.stderr).toContain(`${stack.folder}/backup.config.yaml exists already`);
    expect(ended.stderr).toContain('see what would be written with `stack-backup init --print`');
    expect(await fingerprint(join(stack.folder, 'backup.config.yaml'))).toEqual(before);
  });

  it('doctor finds all that is needed, and says which configuration counts', async () => {
    const ended = await tool('doctor');
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^ok +configuration +backup\.config\.yaml$/m);
    expect(ended.stdout).not.toContain('MISSING');
  });

  it('doctor ends with 1 where the configuration is wrong, and says where', async () => {
    await stack.write('backup.config.yaml', `${await written()}\nquiesc: stop\n`);
    const ended = await tool('doctor', '--json');
    expect(ended).toMatchObject({ exitCode: 1, stderr: '' });
    const findings = JSON.parse(ended.stdout) as { name: string; state: string; says: string }[];
    const found = findings.find(({ name }) => name === 'configuration');
    expect(found).toMatchObject({ state: 'missing' });
    expect(found?.says).toMatch(/backup\.config\.yaml:\d+:1: unknown key 'quiesc'/);
  });
});
