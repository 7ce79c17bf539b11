import { describe, expect, it } from 'vitest';
import { otherFiles } from '../../../../src/stack/model/others.ts';

describe('the files that a compose file names', () => {
  it.each([
    ['include: [a.yaml]', ['a.yaml']],
    ['include: [{ path: [a.yaml, b.yaml], env_file: x }]', ['a.yaml', 'b.yaml']],
    ['{"include": ["https://example.org/x.git"]}', ['https://example.org/x.git']],
    ['"incl\\u0075de": [a.yaml]', ['a.yaml']],
    ['services: { a: { extends: { file: base.yaml, service: b } } }', ['base.yaml']],
    ['services: { a: { label_file: [/etc/x] } }', ['/etc/x']],
    ['x: &x { extends: { file: f, service: b } }\nservices: { a: { <<: *x } }', ['f']],
    ['services: {}\n---\ninclude: [second.yaml]', ['second.yaml']],
    ['services: { a: { extends: b, image: include }, b: { env_file: .env } }', []],
    ['services: { a: { image: x, labels: !override [] } }', []],
    ['', []],
  ])('%s', (text, files) => expect(otherFiles(text)).toEqual(files));

  it('are unknown where it is no YAML, is very long, or unfolds without end', () => {
    expect(otherFiles('a: [')).toBeUndefined();
    expect(otherFiles(`${'a: b\n'.repeat(60_000)}include: c`)).toBeUndefined();
    expect(otherFiles(`{"a": "${'b'.repeat(300_000)}", "include": "c"}`)).toEqual(['c']);
    const level = (at: number) => `a${at}: &a${at} [${`*a${at - 1},`.repeat(9)}]`;
    const bomb = ['a0: &a0 [x]', ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map(level)].join('\n');
    expect(otherFiles(bomb)).toBeUndefined();
    const many = `x: &x { init: true }\nservices: {${Array.from({ length: 500 }, (_, at) => ` s${at}: { <<: *x }`)} }`;
    expect(otherFiles(many)).toEqual([]);
  });
});
