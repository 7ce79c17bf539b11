import { basename, dirname } from 'node:path';
import { Readable } from 'node:stream';
import { bareFile } from '../../../snapshot/entries/bare.ts';
import { archiveEnd, memberHead } from '../place/headers.ts';
import type { EngineTarget } from './present.ts';

/** A file in the place of a folder: the engine removes that with all that is in it. */
const away = (top: string): Buffer => memberHead('file', top, bareFile(Buffer.from(top)));

/** The folder, until its own member comes: others may come before that. What is no folder makes room for it. */
export const begun = (top: string): Buffer =>
  memberHead('dir', `${top}/`, { ...bareFile(Buffer.from(top)), type: 'dir', mode: 0o700 });

/**
 * Takes a folder away with all that is in it, and makes an empty one, from the folder that it lies in. Resolves with
 * why that could not be done: where something is mounted on it, what is in it may be gone all the same.
 */
export const emptied = async (
  { engine, holder, path }: EngineTarget,
  signal: AbortSignal | undefined,
): Promise<unknown> => {
  const top = basename(path);
  const tar = Readable.from([Buffer.concat([away(top), begun(top), archiveEnd])]);
  try {
    await engine.writeArchive(holder, dirname(path), tar, signal);
    return undefined;
  } catch (error) {
    if (signal?.aborted) throw error;
    return error;
  }
};
