import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type BadInput, Bench, configWith, passwords, postgresHook } from '../../support/bad-input.ts';
import { named } from '../../support/named.ts';

const usage = { exit: 2, code: 'usage' } as const;
const invalid = { exit: 2, code: 'config-invalid' } as const;
const correct = 'Correct the configuration and run the command again; nothing has been touched.';

const names: readonly BadInput[] = [
  {
    what: 'an instance that is not known names the nearest one, all others and what runs',
    args: ['shpo'],
    exit: 2,
    code: 'instance-unknown',
    says: [`no instance and no running project is called "shpo"; did you mean 'shop'?`],
    next: /Configured instances: shop\. Running Compose projects: (.*, )?sb-test-stack-/,
  },
  {
    what: 'a path is no instance',
    args: ['../../etc'],
    exit: 2,
    code: 'instance-unknown',
    says: ['no instance and no running project is called "../../etc"'],
    next: 'Configured instances: shop.',
  },
  {
    what: 'no instance named',
    args: [],
    ...usage,
    says: ['no instance was named'],
    next: 'Name an instance or use --all. Configured instances: shop.',
  },
  {
    what: 'names and --all together',
    args: ['shop', '--all'],
    ...usage,
    says: ['--all and the names of instances exclude each other'],
    next: 'Give one of them.',
  },
];

const commandLine: readonly BadInput[] = [
  {
    what: 'a command that is not known is told its nearest',
    args: ['vrify', 'shop'],
    exit: 2,
    code: 'instance-unknown',
    says: ['no instance and no running project is called "vrify"'],
    next: 'Did you mean the command `stack-backup verify`?',
  },
  {
    what: 'a flag that is not known is told its nearest',
    args: ['shop', '--quite'],
    ...usage,
    says: [`unknown option '--quite'`],
    next: '(Did you mean --quiet?)',
  },
  {
    what: 'a flag that is like no other',
    args: ['shop', '--frobnicate'],
    ...usage,
    says: [`unknown option '--frobnicate'`],
    next: /see what can be given with `stack-backup --help`/i,
  },
  {
    what: 'an invalid --type',
    args: ['shop', '--type', 'weekly'],
    ...usage,
    says: [
      `option '--type <type>' argument 'weekly' is invalid`,
      'Allowed choices are manual, scheduled, pre-deploy, pre-migration, pre-restore.',
    ],
    next: 'stack-backup --help',
  },
  {
    what: 'an invalid --tag',
    args: ['shop', '--tag', 'just-a-word'],
    ...usage,
    says: [`'just-a-word' is invalid`, 'A tag is NAME=VALUE, such as sha=1f3a9c.'],
    next: 'stack-backup --help',
  },
  {
    what: 'a part of a snapshot where all of it is meant',
    args: ['restore', 'shop', '--undo', '--volume', 'data'],
    ...usage,
    says: [`option '--undo' cannot be used with option '--volume <name>'`],
    next: 'stack-backup --help',
  },
  {
    what: 'values for a new stack where none is made',
    args: ['restore', 'shop', '--values', 'stack.env', '--yes'],
    ...usage,
    says: ['--compose-file, --values, --folder and --allow-host are of a new stack'],
    next: 'Say which with --into <project>',
  },
  {
    what: 'an invalid --quiesce',
    args: ['shop', '--quiesce', 'freeze'],
    ...usage,
    says: [`'freeze' is invalid`, 'Allowed choices are stop, pause, none.'],
    next: 'stack-backup --help',
  },
];

const yaml: readonly BadInput[] = [
  {
    what: 'broken YAML',
    config: `instances:\n  shop:\n    quiesce: [stop\n    logs: true\n    note: ${passwords.config}\n`,
    ...invalid,
    says: [/backup\.config\.yaml:\d:\d+: not valid YAML/],
    next: correct,
  },
  {
    what: 'a password that needs quotes',
    config: configWith(`    hooks: [{ kind: postgres, service: app, password: *${passwords.config} }]\n`),
    ...invalid,
    says: [/backup\.config\.yaml:8:\d+: not valid YAML: a text that begins with '\*' needs quotes/],
    next: correct,
  },
  {
    what: 'a key that is not known',
    config: configWith(`    quiesc: stop\n${postgresHook}`),
    ...invalid,
    says: [`backup.config.yaml:8:5: unknown key 'quiesc' in instances.shop; did you mean 'quiesce'?`],
    next: correct,
  },
  {
    what: 'values of a wrong type, all at once',
    config: configWith('    logs: "yes"\n    hooks:\n      kind: postgres\n'),
    ...invalid,
    says: [
      '2 problems',
      'backup.config.yaml:8:11: instances.shop.logs must be',
      /backup\.config\.yaml:10:7: instances\.shop\.hooks must be .*, not a map/,
    ],
    next: correct,
  },
  {
    what: 'a command as the name of an instance',
    config: 'instances:\n  verify:\n    project: {project}\n',
    ...invalid,
    says: ['backup.config.yaml:2:3: an instance cannot be called verify: that is a command of stack-backup'],
    next: correct,
  },
  {
    what: 'a configuration that is not there',
    args: ['shop', '--config', 'nowhere.yaml'],
    exit: 2,
    code: 'config-missing',
    says: ['the configuration nowhere.yaml does not exist'],
    next: 'Give the path of a readable file with --config',
  },
  {
    what: 'a folder as configuration',
    args: ['shop', '--config', 'files'],
    exit: 2,
    code: 'config-missing',
    says: ['the configuration files cannot be read (EISDIR)'],
    next: 'Give the path of a readable file with --config',
  },
];

const absent = { exit: 2, code: 'env-missing' } as const;
const create = 'Set or create what is missing and run the command again; nothing has been touched.';

const missing: readonly BadInput[] = [
  {
    what: 'an env file that is not there',
    config: configWith(postgresHook).replace('stack.env', 'gone.env'),
    ...absent,
    says: ['backup.config.yaml:7:15: the env file @/gone.env of shop does not exist'],
    next: create,
  },
  {
    what: 'a variable that is not set',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is written in the file
    shop: postgresHook.replace(passwords.config, '${SHOP_DB_PASSWORD}'),
    ...absent,
    says: [
      'backup.config.yaml:11:19: the variable SHOP_DB_PASSWORD is not set, and instances.shop.hooks[0].password needs it',
    ],
    next: create,
  },
  {
    what: 'a password file that is not there',
    shop: postgresHook.replace(`password: ${passwords.config}`, 'password_file: secrets/db'),
    ...absent,
    says: ['backup.config.yaml:11:24: the password file @/secrets/db of shop does not exist'],
    next: create,
  },
];

const broken = { exit: 2, code: 'compose-invalid' } as const;
const using = (file: string): string => configWith(postgresHook).replace('compose.yaml', file);

/** Each is found by asking Compose, which happens under the lock of the instance. */
const composeFiles: readonly BadInput[] = [
  {
    what: 'a compose file that is gone',
    config: using('gone.yaml'),
    ...broken,
    says: ['compose files of {project}', '@/gone.yaml: no such file or directory'],
    next: 'Make `docker compose -f @/gone.yaml config` succeed first.',
  },
  {
    what: 'a compose file that is no YAML',
    config: using('broken.yaml'),
    ...broken,
    says: ['@/broken.yaml: yaml: line '],
    next: 'Make `docker compose -f @/broken.yaml config` succeed first.',
  },
  {
    what: 'a compose file with a key that Compose does not know',
    config: using('unknown.yaml'),
    ...broken,
    says: [`services.app additional properties 'imagee' not allowed`],
    next: 'succeed first',
  },
  {
    what: 'a compose file that needs a variable',
    config: using('needs.yaml'),
    ...broken,
    says: ['services.app.environment.DB: required variable SHOP_DB is missing a value: must be set'],
    next: 'succeed first',
  },
  {
    what: 'a compose file whose password looks like a variable',
    config: using('dollar.yaml'),
    ...broken,
    says: ['invalid interpolation format for services.app.environment.API_TOKEN'],
    next: 'succeed first',
  },
  {
    what: 'an env file that is not written correctly, beside a password',
    config: configWith(postgresHook).replace('stack.env', 'broken.env'),
    ...broken,
    says: [/@?\/broken\.env: line 1: /],
    next: 'succeed first',
  },
  {
    what: 'a project that has never been started',
    config: configWith(postgresHook).replace('{project}', 'sb-test-never-started'),
    exit: 2,
    code: 'instance-unknown',
    says: ['the compose project sb-test-never-started has neither containers nor volumes on this engine'],
    next: 'Start it once (`docker compose -p sb-test-never-started up -d`)',
  },
];

const service = (rest: string): string => `services:\n  app:\n    image: debian:bookworm-slim\n${rest}`;

describe('a bad name, command line, configuration or compose file', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.open({
      'broken.yaml': service(`    environment:\n      - A=${passwords.compose}\n     - B: c\n`),
      'unknown.yaml': service('    imagee: debian\n'),
      // biome-ignore lint/suspicious/noTemplateCurlyInString: as it is written in the file
      'needs.yaml': service('    environment:\n      DB: ${SHOP_DB:?must be set}\n'),
      'dollar.yaml': service(`    environment:\n      API_TOKEN: "\${${passwords.compose}"\n`),
      'broken.env': `!DB_PASSWORD=${passwords.envFile}\n`,
    });
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());

  it.each(named([...names, ...commandLine, ...yaml, ...missing]))('%s', (_what, bad) => bench.refuses(bad));

  it.each(named(composeFiles))('%s', (_what, bad) => bench.refuses(bad, ['plan', 'shop']));

  it('a running project that is not spelt right, where there is no configuration at all', async () => {
    const { project, folder } = bench.stack;
    const cwd = join(folder, 'files');
    const args = [project.slice(0, -1)];
    const ended = await bench.untouched(() => bench.run({ args, cwd }), join(cwd, 'backups'));
    bench.refusedInWords(ended, {
      exit: 2,
      code: 'instance-unknown',
      says: [`no instance and no running project is called "${args[0]}"; did you mean '${project}'?`],
      next: 'Configured instances: none. Running Compose projects: ',
    });
  });

  it('a configuration under a name that is nearly the right one is not passed over', async () => {
    const cwd = join(bench.stack.folder, 'files');
    await bench.stack.write('files/backup.config.yml', configWith(postgresHook));
    const args = [bench.stack.project];
    const ended = await bench.untouched(() => bench.run({ args, cwd }), join(cwd, 'backups'));
    bench.refusedInWords(ended, {
      exit: 2,
      code: 'config-missing',
      says: ['backup.config.yml is not the name of the configuration'],
      next: 'Rename it to backup.config.yaml, or name it with --config.',
    });
  });
});
