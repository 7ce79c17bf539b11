import { describe, expect, test } from 'vitest';
import { check, hook, problemsOf } from './fixture.ts';

describe('the rules of hooks', () => {
  const at = 'instances.core.hooks[0]';
  const cannot = 'cannot run while-stopped: db is';
  const instead = '(use before-stop or after-start, or quiesce: none for that service)';
  // The mark » stands before the place that the message points at; it is taken out first.
  test.each([
    ['{ kind: postgres, service: db, phase: »while-stopped }', '', `${at} ${cannot} stopped then ${instead}`],
    [
      '{ kind: postgres, service: db, phase: »while-stopped }',
      '    quiesce: pause\n',
      `${at} ${cannot} paused then ${instead}`,
    ],
    [
      '{ kind: command, service: db, command: [sync], phase: »while-stopped }',
      '    quiesce: none\n    services: { db: { quiesce: stop } }\n',
      `${at} ${cannot} stopped then ${instead}`,
    ],
    [
      '»{ kind: command, command: [sync] }',
      '',
      `${at} does not say where to run: give it a service, or host: true`,
    ],
    [
      '»{ kind: command, host: false, command: [sync] }',
      '',
      `${at} does not say where to run: give it a service, or host: true`,
    ],
    [
      '{ kind: command, service: a, host: »true, command: [sync] }',
      '',
      `${at} has both a service and host: true; it runs in one place`,
    ],
    [
      '{ kind: command, host: true, command: »sync }',
      '',
      `${at}.command must be a list of words on the host, such as [sync]: there is no shell`,
    ],
    [
      '{ kind: command, host: true, command: [sync], user: »root }',
      '',
      `${at}.user is for commands in a service; on the host the command runs as you do`,
    ],
    [
      '{ kind: command, service: a, command: [sync], working_dir: »tmp }',
      '',
      `${at}.working_dir must be an absolute path in the container`,
    ],
    [
      '{ kind: command, service: a, command: [»"", x] }',
      '',
      `${at}.command[0] must not be empty: it is the program`,
    ],
    [
      '{ kind: command, service: a, command: [sleep, »5] }',
      '',
      `${at}.command[1] must be text, not the number 5`,
    ],
    [
      '{ kind: command, service: a, command: »{ x: y } }',
      '',
      `${at}.command must be a list of words, or one line for the shell of the service, not a map`,
    ],
    [
      '{ kind: command, service: a, command: x, save: »../x }',
      '',
      `${at}.save must be a plain file name, not "../x"`,
    ],
    [
      '{ kind: sqlite, service: a, path: »/data/../etc/x }',
      '',
      `${at}.path must be the plain path of a file, without . or .. or a / at its end`,
    ],
    [
      '{ kind: sqlite, service: a, path: »/data/ }',
      '',
      `${at}.path must be the plain path of a file, without . or .. or a / at its end`,
    ],
    [
      '{ kind: sqlite, service: a, path: »app.db }',
      '',
      `${at}.path must be an absolute path in the container, not "app.db"`,
    ],
    [
      '{ kind: sqlite, service: a, path: /a, phase: »finally }',
      '',
      `${at}.phase must be one of before-stop, while-stopped, after-start, not "finally"`,
    ],
    [
      '{ kind: postgres, service: ».., databases: some }',
      '',
      `${at}.service must be the name of a Compose service, not ".."`,
    ],
    [
      '{ kind: postgres, service: a, databases: »some }',
      '',
      `${at}.databases must be \`all\` or a list of databases, not "some"`,
    ],
    [
      '{ kind: postgres, service: a, timeout: »90 }',
      '',
      `${at}.timeout must be a duration such as 90s, 5m or 1h30m, not the number 90`,
    ],
    ['{ kind: postgres, service: a, timeout: »0s }', '', `${at}.timeout must be longer than 0`],
    [
      '{ kind: postgres, service: a, »path: /x }',
      '',
      `unknown key 'path' in ${at}; known are kind, name, service, phase, timeout, on_failure, databases, user, password, password_file, globals`,
    ],
    ['»{ service: a }', '', `${at} has no 'kind', which a hook needs`],
    [
      '{ kind: postgres, service: a, password: x, »password_file: y }',
      '',
      `${at} has both password and password_file; keep one`,
    ],
    [
      '{ kind: postgres, service: a, name: x }\n      - { kind: sqlite, service: a, path: /x, name: »x }',
      '',
      'instances.core.hooks[0] and instances.core.hooks[1] have the same name',
    ],
    [
      '{ kind: command, service: a, command: x, save: x }\n      - { kind: command, service: a, command: y, save: »x }',
      '',
      'instances.core.hooks[0] and instances.core.hooks[1] would save to the same file',
    ],
  ])('%s %s', async (flow, more, problem) => {
    const text = hook(flow, more);
    const before = text.slice(0, text.indexOf('»')).split('\n');
    const place = `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
    expect((await problemsOf(text.replace('»', '')))[0]).toBe(`${place}: ${problem}`);
  });

  test.each([
    ['{ kind: postgres, service: db, phase: while-stopped }', '    services: { db: { quiesce: none } }\n'],
    ['{ kind: postgres, service: db, phase: while-stopped }', '    quiesce: none\n'],
    ['{ kind: sqlite, service: db, path: /a, phase: while-stopped }', ''],
    ['{ kind: command, host: true, command: [sync], phase: while-stopped }', ''],
    ['{ kind: command, service: a, host: false, command: echo $$HOME, phase: finally }', ''],
    [
      '{ kind: command, service: a, command: x, save: x }\n      - { kind: command, service: b, command: y, save: x }',
      '',
    ],
  ])('%s %s is fine', (flow, more) => {
    expect(() => check(hook(flow, more))).not.toThrow();
  });

  test('do not add an error to a quiesce that is itself wrong', async () => {
    const more = '    quiesce: nonee\n';
    expect(
      await problemsOf(hook('{ kind: postgres, service: db, phase: while-stopped }', more)),
    ).toHaveLength(1);
  });
});
