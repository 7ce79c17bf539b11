// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax under test
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { casesOf } from '../../support/cases.ts';
import { check, errorOf, hook, problemsOf } from './fixture.ts';

describe('a configuration with mistakes', () => {
  test('tells one mistake on one line', async () => {
    const error = await errorOf(() => check('instances:\n  core:\n    quiece: stop\n'));
    expect(error.message).toBe(
      "backup.config.yaml:3:5: unknown key 'quiece' in instances.core; did you mean 'quiesce'?",
    );
    expect(error.details).toEqual({
      file: 'backup.config.yaml',
      problems: [
        { line: 3, column: 5, message: "unknown key 'quiece' in instances.core; did you mean 'quiesce'?" },
      ],
    });
  });

  test('tells all mistakes at once, those of the schema and those of the rules, in the order of the file', async () => {
    const text = `backups: 5
timezone: Europe/Berln
extra: 1
instances:
  core:
    quiesce: stopp
    compose_files: [a.yaml, a.yaml]
    logs: yes
    limits: { health: 0s, max_downtime: 5 minutes }
    hooks:
      - kind: postgres
        databases: []
        phase: finally
      - kind: postgres
        service: db
        phase: while-stopped
        timeout: 40d
      - { kind: commnd }
      - psql
  list:
  Shop:
    project: core
`;
    const error = await errorOf(() => check(text));
    expect(error.message).toBe(
      `17 problems
  backup.config.yaml:1:10: backups must be a path, not the number 5
  backup.config.yaml:2:11: timezone must be a known time zone; did you mean Europe/Berlin?
  backup.config.yaml:3:1: unknown key 'extra'; known are backups, timezone, drills, instances
  backup.config.yaml:6:14: instances.core.quiesce must be one of stop, pause, none, not "stopp"
  backup.config.yaml:7:20: instances.core.compose_files[1] is the same as [0]
  backup.config.yaml:8:11: instances.core.logs must be true or false, not "yes"
  backup.config.yaml:9:23: instances.core.limits.health must be longer than 0
  backup.config.yaml:9:41: instances.core.limits.max_downtime must be a duration such as 90s, 5m or 1h30m, not "5 minutes"
  backup.config.yaml:11:9: instances.core.hooks[0] has no 'service', which a postgres hook needs
  backup.config.yaml:12:20: instances.core.hooks[0].databases must not be empty
  backup.config.yaml:13:16: instances.core.hooks[0].phase must be one of before-stop, while-stopped, after-start, not "finally"
  backup.config.yaml:17:18: instances.core.hooks[1].timeout must not be longer than 24 days
  backup.config.yaml:18:17: instances.core.hooks[2].kind must be one of postgres, sqlite, command, not "commnd"
  backup.config.yaml:19:9: instances.core.hooks[3] must be a hook (a map), not "psql"
  backup.config.yaml:20:3: an instance cannot be called list: that is a command of stack-backup
  backup.config.yaml:21:3: 'Shop' in instances must be a name of lower-case letters, digits, '-' and '_' that begins with a letter or a digit
  backup.config.yaml:22:14: instances core and Shop are both the Compose project "core"`,
    );
  });

  test.each([
    ['', '1:1: the file holds no settings'],
    ['# nothing\n', '1:1: the file holds no settings'],
    ['- core\n', '1:1: the file must be a map of settings, not a list'],
    ['core\n', '1:1: the file must be a map of settings, not "core"'],
    ['instances: 7\n', '1:12: instances must be a map of instances, not the number 7'],
    ['instances: [core]\n', '1:12: instances must be a map of instances, not a list'],
    ['backups:\n', '1:9: backups must be a path, not nothing'],
    ['backups: ""\n', '1:10: backups must not be empty'],
    ['"back\\nups": x\n', '1:1: unknown key "back\\nups"; did you mean \'backups\'?'],
    ['{ ? [a] : b }\n', '1:5: not valid YAML: a key must be text'],
    ['<<: { backups: x }\n', '1:1: unknown key "<<"; known are backups, timezone, drills, instances'],
    [
      'instances:\n  core:\n    limits: 5m\n',
      '3:13: instances.core.limits must be a map of limits, not "5m"',
    ],
    [
      'instances:\n  core:\n    services:\n      a/b: { quiesce: none }\n',
      '4:7: "a/b" in instances.core.services must be the name of a Compose service',
    ],
    [
      'instances:\n  core:\n    exclude: cache\n',
      '3:14: instances.core.exclude must be a list of patterns, not "cache"',
    ],
    ['instances:\n  a: { project: x }\n  x:\n', '3:3: instances a and x are both the Compose project "x"'],
    [
      'backups: ${A\n',
      '1:10: a variable is written ${NAME} or ${NAME:-default}; write $$ for a plain dollar sign',
    ],
  ])('%j: %s', async (text, problem) => {
    expect(await problemsOf(text)).toEqual([problem]);
  });

  test.each([
    ['a: [1, 2', '1:9', 'the indentation does not fit the lines above, or a bracket is not closed'],
    ['a: "x', '1:6', "a closing quote or bracket, a comma, or the space after ':' or '-' is missing"],
    ['a: 1\nb: 2\na: 3\n', '3:1', 'this key stands twice in the same map'],
    ['a:\n\tb: 1\n', '2:1', 'a tab cannot indent YAML: use spaces'],
    [
      'a: b: c\n',
      '1:4',
      "a map begins inside a line: indent the keys alike, and put a text that holds ': ' in quotes",
    ],
    ['a: @b\n', '1:4', 'a text that begins with this character needs quotes'],
    ['a: *b\n', '1:4', "a text that begins with '*' needs quotes, else it means a value named elsewhere"],
    ['a: !b c\n', '1:4', "a text that begins with '!' needs quotes, else it means a type"],
    ['a: !!binary aGk=\n', '1:13', "a text that begins with '!' needs quotes, else it means a type"],
    [
      'a: "\\q"\n',
      '1:5',
      'a backslash in double quotes that means nothing: write it twice, or use single quotes',
    ],
    ['a: 1\n---\nb: 2\n', '2:1', "a second document begins here ('---'): the file must hold one"],
  ])('broken YAML %j stands at %s', async (text, at, words) => {
    expect((await problemsOf(text))[0]).toBe(`${at}: not valid YAML: ${words}`);
  });

  test('names the first of several instances of one project each time', async () => {
    const text = 'instances:\n  a: { project: x }\n  b: { project: x }\n  c: { project: x }\n';
    expect(await problemsOf(text)).toEqual([
      '3:17: instances a and b are both the Compose project "x"',
      '4:17: instances a and c are both the Compose project "x"',
    ]);
  });

  test('cuts what is long, and refuses names too long for a file', async () => {
    const long = 'x'.repeat(101);
    const text = `instances:\n  ${long}:\n  core:\n    quiesce: ${long}\n    project: ${long}\n`;
    expect(await problemsOf(text)).toEqual([
      expect.stringMatching(/^2:3: "x{57}…" in instances must be a name of lower-case/),
      `4:14: instances.core.quiesce must be one of stop, pause, none, not "${'x'.repeat(57)}…"`,
      '5:14: instances.core.project must not be longer than 100 characters',
    ]);
  });

  test('ends where aliases would not', async () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 9; level++) {
      const [own, below] = [String.fromCharCode(97 + level), String.fromCharCode(96 + level)];
      bomb.push(`${own}: &${own} [${Array(10).fill(`*${below}`).join(', ')}]`);
    }
    expect(await problemsOf(bomb.join('\n'))).toEqual([
      expect.stringContaining('aliases make this value endless'),
    ]);
    expect(await problemsOf('a: &a [*a]')).toEqual(['1:8: aliases make this value endless']);
    expect((await problemsOf('['.repeat(50_000)))[0]).toMatch('nested too deeply');
  });
});

describe('messages', () => {
  test('show what variables are written as, not what they hold', async () => {
    const text = 'instances:\n  core:\n    quiesce: ${SECRET}\n    logs: "${SECRET}"\n';
    expect(await problemsOf(text, { SECRET: 'hunter2' })).toEqual([
      '3:14: instances.core.quiesce must be one of stop, pause, none, not what "${SECRET}" gives',
      '4:11: instances.core.logs must be true or false, not what "${SECRET}" gives',
    ]);
  });

  test.each([
    '12345',
    'true',
    '[hunter2]',
    '{ hunter2: 1 }',
    '""',
    '',
    '*hunter2',
    '!hunter2 x',
    '"hunter2\\q"',
  ])('say of the password %j only what is wrong with it', async (password) => {
    const text = hook(`{ kind: postgres, service: a, password: ${password} }`);
    expect((await problemsOf(text)).join('\n')).not.toMatch(/hunter2|12345/);
  });

  test('never hold a password, however it was misspelt', async () => {
    const password = fc
      .string({ unit: fc.constantFrom(...'hunter2$*&!@%#{}[],:\'"\\|> \t`-?') })
      .map((text) => `hunter2${text}`);
    const prefix = fc.constantFrom(
      '',
      '*',
      '&',
      '!',
      '!!',
      '@',
      '"',
      "'",
      '%',
      '${',
      '{',
      '[',
      '|',
      '`',
      ': ',
    );
    await fc.assert(
      fc.asyncProperty(prefix, password, async (before, text) => {
        try {
          check(
            `instances:\n  core:\n    hooks:\n      - kind: postgres\n        password: ${before}${text}\n`,
          );
        } catch (thrown) {
          expect(String(thrown)).not.toContain('hunter2');
          expect(JSON.stringify(thrown)).not.toContain('hunter2');
        }
      }),
    );
  });

  test('hold no control characters', async () => {
    const problems = await problemsOf('"a\\e[31m\\u009b\\u202e": 1\nbackups: [1]\ntimezone: "x\\e[2J"\n');
    expect(problems.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });
});

describe('any text', () => {
  const word = fc.constantFrom(
    'instances:',
    'core:',
    'hooks:',
    '- ',
    'kind: postgres',
    'quiesce: stop',
    'service: db',
    '\n',
    '\n  ',
    '\n    ',
    '\n      ',
    '&a',
    '*a',
    '${X}',
    '${',
    '"',
    "'",
    '[',
    ']',
    '{',
    '}',
    'null',
    '1',
    'constructor:',
    '__proto__:',
  );
  test('is read, or refused with places that are in it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.array(word).map((all) => all.join('')),
          fc.string(),
        ),
        async (text) => {
          try {
            check(text);
          } catch (thrown) {
            const error = await errorOf(() => {
              throw thrown;
            });
            const { problems } = error.details as { problems: { line: number; column: number }[] };
            const lines = text.split('\n');
            expect(problems).not.toHaveLength(0);
            for (const { line, column } of problems) {
              expect(line).toBeGreaterThan(0);
              expect(line).toBeLessThanOrEqual(lines.length);
              expect(column).toBeGreaterThan(0);
              expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
            }
          }
        },
      ),
      // The parser's own count of lines is wrong here.
      { numRuns: casesOf(1000), examples: [['- ]${\n  \n      instances:\n      instances:']] },
    );
  });

  test('any JSON in the place of any part is accepted or explained', async () => {
    const key = fc.constantFrom(
      'instances',
      'core',
      'hooks',
      'kind',
      'service',
      'command',
      'limits',
      'services',
      'save',
      'x/y',
      '~',
    );
    const tree = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        fc.jsonValue({ maxDepth: 0 }),
        fc.constantFrom('postgres', 'sqlite', 'command', 'stop'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 4 }),
      ),
    })).value;
    await fc.assert(
      fc.asyncProperty(tree, async (value) => {
        const text = JSON.stringify({ instances: { core: value } });
        try {
          check(text);
        } catch (thrown) {
          const error = await errorOf(() => {
            throw thrown;
          });
          expect(error.code).toBe('config-invalid');
          expect(error.message).not.toMatch(/undefined|something else|\[object/);
        }
      }),
      { numRuns: casesOf(500) },
    );
  });
});
