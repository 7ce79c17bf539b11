import { lstat, readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { errnoOf, StackBackupError } from '../base/errors.ts';
import { type ConfigDocument, readDocument } from './file/document.ts';
import type { Environment } from './file/interpolate.ts';
import type { RawConfig } from './raw.ts';
import { configInvalid, validateConfig } from './validate.ts';

/** The name under which the configuration is looked for in the current folder. */
export const configFileName = 'backup.config.yaml';

/** A configuration that is valid as far as the file alone can be: resolve() makes instances of it. */
export interface LoadedConfig {
  /** Absolute path of the file. */
  readonly file: string;
  /** The same as messages name it: relative where it lies in the current folder. */
  readonly shownFile: string;
  /** Absolute; relative paths in the file start here. */
  readonly folder: string;
  readonly raw: RawConfig;
  readonly document: ConfigDocument;
}

export interface LoadOptions {
  /** What `--config` says; without it backup.config.yaml of the current folder, if there is one. */
  readonly path?: string;
  /** Absolute path of the current folder. */
  readonly cwd: string;
  /** The variables for `${VAR}`: the process environment and nothing else. */
  readonly env: Environment;
}

/**
 * Finds, reads and checks the configuration; undefined when there is none and none was asked for.
 * Throws `config-missing` when it cannot be read and `config-invalid` with every mistake in it.
 */
export const loadConfig = async ({ path, cwd, env }: LoadOptions): Promise<LoadedConfig | undefined> => {
  const file = resolve(cwd, path ?? configFileName);
  const inside = relative(cwd, file);
  const shownFile = inside.startsWith('..') ? file : inside;
  const bytes = await readBytes(file, shownFile, path !== undefined);
  if (bytes === undefined) return undefined;
  const document = readDocument(decode(bytes, shownFile), env);
  const raw = validateConfig(shownFile, document);
  return { file, shownFile, folder: dirname(file), raw, document };
};

const readBytes = async (file: string, shown: string, asked: boolean): Promise<Buffer | undefined> => {
  try {
    return await readFile(file);
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === 'ENOENT' && !asked && (await isAbsent(file))) return undefined;
    const why = errno === 'ENOENT' ? 'does not exist' : `cannot be read (${errno})`;
    throw new StackBackupError('config-missing', `the configuration ${shown} ${why}`, {
      next: 'Give the path of a readable file with --config, or write one with `stack-backup init`.',
      cause,
    });
  }
};

/**
 * Whether there is really no configuration. One that is there but not read (a link to nowhere, another
 * spelling of the name) would mean a snapshot without its hooks, and nobody told.
 */
const isAbsent = async (file: string): Promise<boolean> => {
  const isThere = async (path: string) => (await lstat(path).catch(() => undefined)) !== undefined;
  if (await isThere(file)) return false;
  if (!(await isThere(file.replace(/\.yaml$/, '.yml')))) return true;
  throw new StackBackupError('config-missing', 'backup.config.yml is not the name of the configuration', {
    next: `Rename it to ${configFileName}, or name it with --config.`,
  });
};

const decode = (bytes: Buffer, shown: string): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw configInvalid(shown, [{ line: 1, column: 1, message: 'the file is not UTF-8 text' }]);
  }
};
