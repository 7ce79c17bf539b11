import { createReadStream, createWriteStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import { bareFile } from '../../snapshot/entries/bare.ts';
import { decompressing } from '../../snapshot/entries/plain.ts';
import type { RecordEntry } from '../../snapshot/entries/records.ts';
import { gonePath } from '../../snapshot/layout.ts';
import type { Base } from '../warm/types.ts';

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** The NUL-ended paths of a list of what is gone, in their order. */
async function* readGone(file: string): AsyncGenerator<readonly RecordEntry[], void, void> {
  if (file === '' || !(await isThere(file))) return;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file).pipe(decompressing())) {
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    const end = bytes.lastIndexOf(0) + 1;
    rest = bytes.subarray(end);
    const paths: RecordEntry[] = [];
    for (
      let start = 0, stop = bytes.indexOf(0);
      stop !== -1 && stop < end;
      start = stop + 1, stop = bytes.indexOf(0, start)
    )
      paths.push(bareFile(bytes.subarray(start + 2, stop)));
    yield paths;
  }
}

/** What was gone before, in the order of sorted records; nothing where there is no such list. */
export const goneBefore = (base: Base | undefined): AsyncIterable<readonly RecordEntry[]> =>
  readGone(base === undefined ? '' : join(base.folder, gonePath(base.path)));

/**
 * Writes what the files of an archive still hold although the source does not have it any more. Whoever
 * unpacks the files by hand removes these. Each path begins with `./` and ends with a NUL.
 */
export const writeGone = async (gone: readonly Buffer[], file: string, signal?: AbortSignal): Promise<void> =>
  pipeline(
    Readable.from([Buffer.concat(gone)]),
    createZstdCompress(),
    createWriteStream(file, { flags: 'wx', mode: 0o600 }),
    ...(signal === undefined ? [] : [{ signal }]),
  );
