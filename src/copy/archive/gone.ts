import { createReadStream, createWriteStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, createZstdDecompress } from 'node:zlib';
import { sideBySide } from '../../snapshot/entries/compare.ts';
import type { RecordEntry } from '../../snapshot/entries/records.ts';
import { readIndex } from '../../snapshot/index-file.ts';
import { gonePath } from '../../snapshot/layout.ts';
import { argumentOf } from '../changes/paths.ts';
import type { Base } from '../warm/types.ts';

const bare = (path: Buffer): RecordEntry => ({
  path,
  type: 'file',
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  blocks: 0,
  mtimeNs: 0n,
  ctimeNs: 0n,
  inode: 0n,
  links: 1,
});

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** The NUL-ended paths of a list of what is gone, in their order. */
async function* readGone(file: string): AsyncGenerator<readonly RecordEntry[], void, void> {
  if (!(await isThere(file))) return;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file).pipe(createZstdDecompress())) {
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    const end = bytes.lastIndexOf(0) + 1;
    rest = bytes.subarray(end);
    const paths: RecordEntry[] = [];
    for (
      let start = 0, stop = bytes.indexOf(0);
      stop !== -1 && stop < end;
      start = stop + 1, stop = bytes.indexOf(0, start)
    )
      paths.push(bare(bytes.subarray(start + 2, stop)));
    yield paths;
  }
}

/**
 * Writes what the files of an archive still hold although the source does not have it any more: what was gone
 * before and has not come back, and what went since. Whoever unpacks the files by hand removes these. Each
 * path begins with `./` and ends with a NUL.
 */
export const writeGone = async (
  base: Base,
  source: AsyncIterable<readonly RecordEntry[]>,
  file: string,
  signal?: AbortSignal,
): Promise<void> => {
  const lines = async function* () {
    const before = readGone(join(base.folder, gonePath(base.path)));
    for await (const rows of sideBySide(source, readIndex(base.index), before)) {
      const gone = rows.flatMap(([is, was, went]) => (is === undefined ? ((was ?? went)?.path ?? []) : []));
      if (gone.length > 0) yield Buffer.concat(gone.map(argumentOf));
    }
  };
  await pipeline(
    Readable.from(lines()),
    createZstdCompress(),
    createWriteStream(file, { flags: 'wx', mode: 0o600 }),
    ...(signal === undefined ? [] : [{ signal }]),
  );
};
