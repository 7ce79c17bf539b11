import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { StackBackupError } from '../../../src/base/errors.ts';
import { readDocument } from '../../../src/config/file/document.ts';
import { validateConfig } from '../../../src/config/validate.ts';

/** A folder of its own with the given files; removed at the end of the scope. */
export const folderWith = async (files: Readonly<Record<string, string | Uint8Array>>) => {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'stack-backup-config-')));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
};

/** The StackBackupError that `work` throws; anything else fails the test. */
export const errorOf = async (work: () => unknown): Promise<StackBackupError> => {
  try {
    await work();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(StackBackupError);
    return thrown as StackBackupError;
  }
  throw new Error('nothing was thrown');
};

/** Checks a configuration without touching the disk. */
export const check = (text: string, env: Record<string, string> = {}) =>
  validateConfig('backup.config.yaml', readDocument(text, env));

/** The `line:column: message` of each problem, in the order told. */
export const problemsOf = async (
  text: string,
  env: Record<string, string> = {},
): Promise<readonly string[]> => {
  const error = await errorOf(() => check(text, env));
  expect(error.code).toBe('config-invalid');
  expect(error.next).toBeTruthy();
  const { problems } = error.details as { problems: { line: number; column: number; message: string }[] };
  return problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
};

/** One hook, written as a YAML flow map, in an instance with `more` keys. */
export const hook = (flow: string, more = ''): string =>
  `instances:\n  core:\n    hooks:\n      - ${flow}\n${more}`;
