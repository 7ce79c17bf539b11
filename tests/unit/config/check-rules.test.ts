import { describe, expect, test } from 'vitest';
import { resolveChecks } from '../../../src/config/checks/resolve.ts';
import type { RawCheck } from '../../../src/config/checks/types.ts';
import { check, problemsOf } from './fixture.ts';

const text = (flow: string): string => `instances:\n  core:\n    checks:\n      - ${flow}\n`;

describe('the rules of checks', () => {
  const at = 'instances.core.checks[0]';
  // The mark » stands before the place that the message points at; it is taken out first.
  test.each([
    ['»{ name: a, service: db }', `${at} does not say what to ask: give it a command, or sql`],
    ['{ name: a, service: db, command: [x], »sql: x }', `${at} has both command and sql; keep one`],
    ['{ name: a, service: db, command: [x], »path: /x }', `${at}.path is for sql: it names an SQLite file`],
    [
      '{ name: a, service: db, sql: x, path: /x, »database: y }',
      `${at}.database is for sql that PostgreSQL answers`,
    ],
    ['{ name: a, service: db, sql: x, »working_dir: /y }', `${at}.working_dir is for a command`],
    ['{ name: a, service: db, sql: x, path: /x, »user: y }', `${at}.user means nothing for an SQLite file`],
    ['{ name: a, service: db, command: [»"", x] }', `${at}.command[0] must not be empty: it is the program`],
    [
      '{ name: a, service: db, sql: x, path: »/x/../y }',
      `${at}.path must be the plain path of a file, without . or .. or a / at its end`,
    ],
    [
      '{ name: a, service: db, command: x, working_dir: »y }',
      `${at}.working_dir must be an absolute path in the container`,
    ],
    [
      '{ name: a, service: db, sql: x, expect: { matches: »"(" } }',
      `${at}.expect.matches is no regular expression: Invalid regular expression: /(/u: Unterminated group`,
    ],
    [
      '{ name: a, service: db, sql: x, expect: »{ equals: x, matches: y } }',
      `${at}.expect must be a map with either equals or matches, not a map`,
    ],
    [
      '{ name: a, service: db, sql: x, expect: { equals: »5 } }',
      `${at}.expect.equals must be text, not the number 5`,
    ],
    [
      '{ name: a, service: db, sql: x, expect: »"> snapshot" }',
      `${at}.expect must be one of same, >= snapshot, <= snapshot, not "> snapshot"`,
    ],
    ['{ name: a, service: db, sql: x, timeout: »0s }', `${at}.timeout must be longer than 0`],
    ['»{ service: db, sql: x }', `${at} has no 'name', which a check needs`],
    [
      '{ name: a, service: db, sql: x }\n      - { name: »a, service: db, sql: y }',
      'instances.core.checks[0] and instances.core.checks[1] have the same name',
    ],
  ])('%s', async (flow, problem) => {
    const marked = text(flow);
    const before = marked.slice(0, marked.indexOf('»')).split('\n');
    const place = `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
    expect((await problemsOf(marked.replace('»', '')))[0]).toBe(`${place}: ${problem}`);
  });

  test.each([
    '{ name: a, service: db, sql: SELECT 1, database: shop, user: x, expect: ">= snapshot", timeout: 10s }',
    '{ name: a, service: app, sql: SELECT 1, path: /data/app.db, expect: { matches: "^\\\\d+$" }, on_failure: abort }',
    '{ name: a, service: app, command: ls | wc -l, user: root, working_dir: /data, expect: { equals: "" } }',
  ])('%s is fine', (flow) => {
    expect(() => check(text(flow))).not.toThrow();
  });
});

test('checks get their defaults', () => {
  const raw: readonly RawCheck[] = [
    { name: 'a', service: 'db', sql: 'SELECT 1' },
    {
      name: 'b',
      service: 'app',
      sql: 'SELECT 1',
      path: '/x',
      expect: { matches: '^1' },
      on_failure: 'abort',
    },
    { name: 'c', service: 'app', command: ['x'], expect: { equals: '1' }, timeout: '1s', user: 'root' },
  ];
  const common = { timeout: 5_000, onFailure: 'warn' };
  expect(resolveChecks(raw)).toEqual([
    { ...common, kind: 'postgres', name: 'a', service: 'db', sql: 'SELECT 1', expect: { is: 'same' } },
    {
      ...common,
      kind: 'sqlite',
      name: 'b',
      service: 'app',
      sql: 'SELECT 1',
      path: '/x',
      expect: { is: 'matches', pattern: '^1' },
      onFailure: 'abort',
    },
    {
      ...common,
      kind: 'command',
      name: 'c',
      service: 'app',
      command: ['x'],
      user: 'root',
      expect: { is: 'equals', value: '1' },
      timeout: 1_000,
    },
  ]);
});
