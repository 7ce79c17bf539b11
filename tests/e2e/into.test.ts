import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecords } from '../../src/catalog/history.ts';
import { containerIds, networkIds, volumeNames } from '../support/ask-engine.ts';
import { leftoversIn, newestManifest, writeConfig } from '../support/backups.ts';
import { docker, randomName } from '../support/containers.ts';
import { must } from '../support/odd-tree.ts';
import { removeProject } from '../support/removal.ts';
import { runTool, type ScratchStack, scratchStack, spawnTool, type ToolResult } from '../support/scratch.ts';
import { temporaryFolder } from '../support/temporary.ts';

const image = 'debian:bookworm-slim';

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server: Server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

describe('restore --into', () => {
  let stack: ScratchStack;
  let copy: string;
  let rebuilt: string;
  let ours: string;
  let elsewhere: string;
  let before: unknown;

  const yaml = (port: string): string => `
services:
  app:
    image: ${image}
    container_name: \${FIXED:-${stack?.project ?? ''}}-app
    command: ["sleep", "infinity"]
    init: true
    env_file: token.env
    environment: { SECRET: "\${SECRET}", PLAIN: 'a$$b' }
    ${port}
    volumes: [ "data:/data", "./files:/files", "./one.conf:/one.conf", "/anonymous" ]
  off: { image: ${image}, command: ["true"] }
volumes:
  data: { labels: { shop.kind: ledger } }
`;

  /** What the history tells of restores into new projects. */
  const remembered = async (): Promise<readonly string[]> =>
    (await readRecords(join(stack.folder, 'backups'))).flatMap((record) =>
      record.kind === 'into' && record.instance === 'app'
        ? [[record.outcome, record.error?.code].filter(Boolean).join(' ')]
        : [],
    );
  const into = (project: string, ...more: readonly string[]): Promise<ToolResult> =>
    runTool(['restore', 'app@latest', '--into', project, '--yes', ...more], { cwd: stack.folder });

  const made = async (project: string): Promise<readonly string[]> => {
    const ofProject = { label: `com.docker.compose.project=${project}` };
    const lists = await Promise.all([containerIds(ofProject), volumeNames(ofProject), networkIds(ofProject)]);
    return lists.flat();
  };

  const nothingOf = async (project: string): Promise<void> => {
    expect(await made(project)).toEqual([]);
    expect(existsSync(join(stack.folder, project))).toBe(false);
    expect(await leftoversIn(join(stack.folder, 'backups'))).toEqual([]);
  };

  const inside = (project: string, ...command: readonly string[]): Promise<string> =>
    docker('exec', `${project}-app-1`, ...command);

  beforeAll(async () => {
    copy = randomName('copy');
    rebuilt = randomName('rebuilt');
    const port = `ports: [ "127.0.0.1:${await freePort()}:80" ]`;
    stack = await scratchStack('services: {}');
    const extending = yaml(port).replace('init: true', 'extends: { file: base.yaml, service: base }');
    await stack.write('compose.yaml', extending);
    for (const folder of ['.', 'other', 'broken'])
      await stack.write(`${folder}/token.env`, "TOKEN='t$1'\nUNUSED=1\n");
    await stack.write('base.yaml', 'services: { base: { init: true } }');
    ours = await stack.write('values.env', 'SECRET=hush-hush\n');
    await mkdir(join(stack.folder, 'files'));
    await writeFile(join(stack.folder, 'files/note'), 'a note');
    await writeFile(join(stack.folder, 'one.conf'), '');
    elsewhere = await stack.write('other/compose.yaml', yaml(''));
    await stack.compose('--env-file', ours, 'up', '-d', '--pull', 'never');
    await docker(
      'exec',
      `${stack.project}-app`,
      'sh',
      '-c',
      'echo row > /data/rows; echo loose > /anonymous/x; chown 12:34 /data',
    );
    await writeConfig(stack.folder, {
      app: { project: stack.project, compose_files: ['compose.yaml'], env_file: 'values.env' },
    });
    const taken = await runTool(['app'], { cwd: stack.folder });
    expect(taken.exitCode, taken.stderr).toBe(0);
    // Its services have an env file, and run as their compose file says.
    expect(taken.stderr).not.toContain('another configuration');
    before = await stack.ps();
  });
  afterAll(async () => {
    await removeProject(copy);
    await removeProject(rebuilt);
    await stack.down();
  });

  it('names what stands in its way, and makes nothing then', async () => {
    const taken = await into(copy, '--values', ours);
    expect(taken.stderr).toMatch(/ports are taken: \d+\/tcp \(app\)/);
    expect(taken.exitCode).toBe(2);
    const unset = await into(copy);
    expect(unset.stderr).toMatch(/no values for SECRET/);
    expect(unset.exitCode).toBe(2);
    const known = await into(stack.project, '--values', ours, '--compose-file', elsewhere);
    expect(known.stderr).toMatch(/there is a project/);
    const odd = await into('../x', '--values', ours);
    expect(odd.exitCode).toBe(2);
    expect(odd.stderr).toMatch(/is no name for a Compose project/);
    await nothingOf(copy);
  });

  it('removes what it made when the services cannot be started, and after a kill', async () => {
    const broken = await stack.write(
      'broken/compose.yaml',
      yaml('').replace('init: true', 'user: nobody-there'),
    );
    const failed = await into(copy, '--values', ours, '--compose-file', broken);
    expect(failed.exitCode, failed.stderr).toBe(1);
    await nothingOf(copy);
    expect(await remembered()).toEqual(['failed restore-failed']);
    const args = [
      'restore',
      'app@latest',
      '--into',
      copy,
      '--yes',
      '--values',
      ours,
      '--compose-file',
      elsewhere,
    ];
    {
      await using tool = spawnTool(args, { cwd: stack.folder });
      await tool.line(/starting the services/);
      tool.kill('SIGKILL');
      await tool.ended;
    }
    expect(await made(copy)).not.toEqual([]);
    await runTool(['recover'], { cwd: stack.folder });
    await nothingOf(copy);
    expect(await remembered()).toEqual(['failed restore-failed', 'failed died']);
  });

  it('makes a second stack that shares nothing with the first', async () => {
    const ended = await into(copy, '--values', ours, '--compose-file', elsewhere);
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect((await remembered()).at(-1)).toBe('complete');
    expect(await containerIds({ label: `com.docker.compose.project=${copy}` }), 'off').toHaveLength(1);
    expect(
      await inside(
        copy,
        'sh',
        '-c',
        'cat /data/rows /files/note; cat /anonymous/x; stat -c "%u:%g %F" /data /one.conf',
      ),
    ).toBe('row\na noteloose\n12:34 directory\n0:0 regular empty file');
    expect(await inside(copy, 'sh', '-c', 'echo "$SECRET $PLAIN"')).toBe('hush-hush a$b');
    expect(await docker('volume', 'inspect', '-f', '{{index .Labels "shop.kind"}}', `${copy}_data`)).toBe(
      'ledger',
    );
    await inside(
      copy,
      'sh',
      '-c',
      'echo more >> /data/rows; echo more >> /files/note; echo more >> /anonymous/x',
    );
    expect(
      await docker('exec', `${stack.project}-app`, 'cat', '/data/rows', '/files/note', '/anonymous/x'),
    ).toBe('row\na noteloose');
    expect(await stack.ps()).toEqual(before);
    expect(await leftoversIn(join(stack.folder, 'backups'))).toEqual([]);
    // From now on it is Compose's: its file is all there, and nothing is made anew.
    const file = join(stack.folder, copy, 'compose.yaml');
    const id = await docker('inspect', '-f', '{{.Id}}', `${copy}-app-1`);
    await docker('compose', '-f', file, 'up', '-d', '--pull', 'never');
    expect(await docker('inspect', '-f', '{{.Id}}', `${copy}-app-1`)).toBe(id);
    expect(await readFile(file, 'utf8')).toContain(copy);
    const again = await into(copy, '--values', ours, '--compose-file', elsewhere);
    expect(again.stderr).toMatch(/there is a project/);
    expect(await docker('inspect', '-f', '{{.State.Running}}', `${copy}-app-1`)).toBe('true');
  });

  it('rebuilds the stack from a copied snapshot where nothing is left of it', async () => {
    const empty = await temporaryFolder('rebuild');
    const { folder } = await newestManifest(join(stack.folder, 'backups'));
    await must(['cp', '-a', folder, empty]);
    await writeFile(join(empty, 'values.env'), '');
    await stack.compose('--env-file', ours, 'down', '-v');
    for (const name of ['compose.yaml', 'base.yaml', 'token.env', 'files', 'one.conf', 'backup.config.yaml'])
      await rm(join(stack.folder, name), { recursive: true });
    await rm(join(stack.folder, 'backups'), { recursive: true });
    const args = ['restore', join(empty, basename(folder)), '--into', rebuilt, '--yes'];
    const rebuild = (more: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
      runTool([...args, '--values', 'values.env', ...more], { cwd: empty, env });
    // Nobody has said that it may have anything of this machine: its variables are none of it.
    const unset = await rebuild([], { TOKEN: 'of this machine', SECRET: 'as well' });
    expect(unset.stderr).toMatch(/no values for SECRET, TOKEN, UNUSED/);
    await writeFile(join(empty, 'values.env'), "SECRET=hush-hush\nTOKEN='t$1'\nUNUSED=\nOTHER=x\n");
    const asking = await rebuild();
    expect(asking.stderr).toMatch(/asks for what is this machine's: app runs with .*seccomp=unconfined/);
    expect([unset.exitCode, asking.exitCode]).toEqual([2, 2]);
    expect(await made(rebuilt)).toEqual([]);
    const ended = await rebuild(['--allow-host']);
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(await inside(rebuilt, 'cat', '/data/rows', '/files/note', '/anonymous/x')).toBe(
      'row\na noteloose',
    );
    expect(await inside(rebuilt, 'sh', '-c', 'echo "$SECRET $TOKEN $OTHER"')).toBe('hush-hush t$1');
    expect(await docker('port', `${rebuilt}-app-1`)).toMatch(/^80\/tcp -> 127\.0\.0\.1:/);
    await rm(empty, { recursive: true });
  });
});
