import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/base/errors.ts';
import { codeOfError, exitCode, worstCode } from '../../../src/commands/session/exit.ts';
import { readPage, sectionOf, tableRows } from './pages.ts';

const page = readPage('docs/troubleshooting.md');
const firstOf = (heading: string): readonly string[] => tableRows(page, heading).map(([cell = '']) => cell);

/** The members of the union, from its source: types are gone when a test runs. */
const errorCodes = [
  ...(/export type ErrorCode =([^;]*);/.exec(readPage('src/base/errors.ts'))?.[1] ?? '').matchAll(
    /'([a-z-]+)'/g,
  ),
].map(([, code]) => code as ErrorCode);

const sources = readdirSync(new URL('../../../src', import.meta.url), { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readPage(`src/${file}`));

/** Every `code: '…'` in an object is the code of a warning, or of an error that stands in the list of errors. */
const warningCodes = [
  ...new Set(
    sources.flatMap((text) => [...text.matchAll(/\bcode: '([a-z-]+)'/g)].map(([, code]) => String(code))),
  ),
].filter((code) => !errorCodes.includes(code as ErrorCode) && code !== 'died');

describe('docs/troubleshooting.md', () => {
  it('explains every error code, and no other', () => {
    expect(errorCodes.length).toBeGreaterThan(20);
    expect(firstOf('Errors').toSorted()).toEqual(errorCodes.toSorted());
  });

  it('gives each error its exit code', () => {
    for (const [code = '', exit] of tableRows(page, 'Errors'))
      expect(exit, code).toBe(String(codeOfError(code as ErrorCode, undefined)));
  });

  it('explains every exit code', () => {
    expect(firstOf('Exit codes').flatMap((cell) => cell.split(', ').map(Number))).toEqual([
      ...Object.values(exitCode),
      129,
      130,
      143,
    ]);
  });

  it('orders them from the worst on as the program does', () => {
    const order = /4, then interruptions, then\s+([\d, ]+)\./.exec(sectionOf(page, 'Exit codes'))?.[1] ?? '';
    const codes = [4, 143, ...order.split(', ').map(Number)];
    expect(codes).toHaveLength(8);
    for (const [place, code] of codes.entries()) expect(worstCode(codes.slice(place).reverse())).toBe(code);
  });

  it('explains every warning, and no other', () => {
    expect(warningCodes.length).toBeGreaterThan(10);
    const explained = firstOf('Warnings').filter((code) => !errorCodes.includes(code as ErrorCode));
    expect(explained.toSorted()).toEqual(warningCodes.toSorted());
  });
});
