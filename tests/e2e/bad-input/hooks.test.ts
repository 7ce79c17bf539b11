import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BadInput, Bench, configWith, type Failing, passwords } from '../../support/bad-input.ts';
import { processesIn } from '../../support/containers.ts';
import { mountedMemory } from '../../support/mounted.ts';
import { named } from '../../support/named.ts';

const failed = { exit: 1, code: 'hook-failed' } as const;

const hook = (...lines: readonly string[]): string =>
  configWith(
    ['    hooks:', ...lines.map((line, at) => `      ${at === 0 ? '- ' : '  '}${line}`), ''].join('\n'),
  );

const command = (list: string, ...more: readonly string[]): string =>
  hook('kind: command', 'name: export', 'service: app', `command: ${list}`, ...more);

/** Found before anything is written: the dry run finds them as well. */
const beforehand: readonly BadInput[] = [
  {
    what: 'a service that is stopped',
    config: command('[date]').replace('service: app', 'service: idle'),
    ...failed,
    says: ['hook export: service idle is exited, not running'],
    next: 'Start service idle, or take this hook out of the configuration.',
  },
  {
    what: 'a service that is not known',
    config: command('[date]').replace('service: app', 'service: ap'),
    ...failed,
    says: ['hook export: service ap has no container in project {project}'],
    next: 'Name one of the services that exist (app, idle), or create this one with `docker compose up`.',
  },
  {
    what: 'a program that its service does not have',
    config: command('[pg_exprt, --all]'),
    ...failed,
    says: ['hook export: pg_exprt was not found in service app'],
    next: 'Name a program that exists in service app, with its full path.',
  },
  {
    what: 'a program that this machine does not have',
    config: hook('kind: command', 'name: export', 'host: true', 'command: [pg_exprt]'),
    ...failed,
    says: ['hook export: pg_exprt was not found on the host'],
    next: 'Name a program that exists on the host, with its full path.',
  },
  {
    what: 'a program of a later phase, found before the stop all the same',
    config: command('[pg_exprt]', 'phase: after-start'),
    ...failed,
    says: ['hook export: pg_exprt was not found in service app'],
    next: 'Name a program that exists in service app, with its full path.',
  },
  {
    what: 'a database server where there is none',
    config: hook('kind: postgres', 'service: app', `password: ${passwords.config}`),
    ...failed,
    says: ['hook postgres-app: ', /pg_dump (was not found|cannot be run) in service app/],
    next: 'Name a program that exists in service app, with its full path.',
  },
];

/** What could drive a terminal, line ends aside. */
const unprintable = /[\x00-\x09\x0b-\x1f\x7f-\x9f]/;

/** Only running them shows that they fail. */
const atWork: readonly (Failing & { readonly what: string })[] = [
  {
    what: 'a command that fails: its exit code and last words, without the passwords in them',
    config: command('[sh, -c, "echo the export broke at $DB_PASSWORD $API_TOKEN >&2; exit 3"]'),
    ...failed,
    says: ['hook export: the command failed: sh ended with exit code 3: the export broke at *** ***'],
    next: 'Run the command by hand to see why it fails; then repair it or the configuration of the hook.',
  },
  {
    what: 'a shell that does not find the program (127)',
    config: command('"pg_exprt --all"'),
    ...failed,
    says: ['hook export: ', 'in service app (exit 127)', 'pg_exprt'],
    next: 'Name a program that exists in service app, with its full path.',
  },
  {
    what: 'a file that is no program (126)',
    config: command('[/etc/passwd]'),
    ...failed,
    says: [
      'hook export: ',
      '/etc/passwd cannot be run in service app: not there, or not executable (exit 126)',
    ],
    next: 'Name a program that exists in service app, with its full path.',
  },
  {
    what: 'a command that prints binary data and fails',
    config: command(
      `[sh, -c, 'head -c 300000 /dev/urandom; printf "\\033[2J\\033]0;title\\007bad" >&2; exit 9']`,
    ),
    ...failed,
    says: ['hook export: ', 'ended with exit code 9', 'bad'],
    next: 'Run the command by hand to see why it fails',
  },
];

describe('a hook that cannot do its work', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.open();
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());
  beforeEach(() => rm(bench.backups, { recursive: true, force: true }));

  it.each(named(beforehand))('%s', (_what, bad) => bench.refuses(bad, ['plan', 'shop']));

  it.each(named(atWork))('%s', async (_what, bad) => {
    const [plain, json] = await bench.fails(bad);
    expect(plain.stderr).not.toMatch(unprintable);
    expect(json.stdout).not.toMatch(/\\u00[01]/);
  });

  it('a command that hangs is ended at its timeout, in its container too', async () => {
    const app = await bench.stack.container('app');
    await bench.fails({
      config: command('[sh, -c, "sleep 4321; true"]', 'timeout: 1s'),
      exit: 1,
      code: 'timeout',
      says: ['hook export did not end within 1', 'and was ended'],
      next: 'Find out what it waits for (a lock, a prompt, a slow disk), or give it a longer `timeout:`.',
    });
    expect(await processesIn(app)).not.toContain('4321');
  });

  it('a command whose output does not fit on the disk', async () => {
    await using _disk = await mountedMemory(bench.backups, 'size=24m');
    await bench.fails({
      config: command('[head, -c, "48000000", /dev/zero]', 'save: export.bin'),
      ...failed,
      says: ['hook export: cannot write dumps/app/export.bin: ENOSPC'],
      next: 'Free space in the backups folder; the dumps need about as much as the databases hold.',
    });
  });

  it('binary output of a command that succeeds is kept to the byte and shown to nobody', async () => {
    const config = command('[printf, "\\\\033[2J\\\\000\\\\377"]', 'save: raw.bin');
    await bench.configure(`${config}    quiesce: none\n`);
    const ended = await bench.run({ args: ['shop', '--verbose'] });
    await bench.containersUntouched();
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0 });
    expect(`${ended.stdout}${ended.stderr}`).not.toMatch(unprintable);
    const [snapshot = ''] = (await readdir(bench.backups)).filter((name) => name.startsWith('shop-'));
    const kept = await readFile(join(bench.backups, snapshot, 'dumps/app/raw.bin'));
    expect([...kept]).toEqual([...Buffer.from('\x1b[2J\0\xff', 'latin1')]);
  });
});
