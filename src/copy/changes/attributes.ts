import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { spawnStreaming } from '../../base/process.ts';
import { TarReader } from '../archive/tar.ts';
import { graveComplaint } from '../walk.ts';
import type { ApplyOptions } from './apply.ts';
import type { Captured } from './capture.ts';
import { argumentOf, below } from './paths.ts';

/**
 * What GNU tar needs to keep attributes and ACLs. XFS shows ACLs a second time under a name of its own, which
 * would become an attribute like any other elsewhere (attr's xattr.conf skips it for `cp`).
 */
export const keepAttributes: readonly string[] = [
  ...['--xattrs', '--xattrs-include=*', '--xattrs-exclude=trusted.SGI_*', '--acls'],
];

type Attributes = ReadonlyMap<string, readonly string[]>;

/** The names of the extended attributes of the folders in an archive, by path as Latin-1; `.` is the root. */
const attributesIn = async (archive: AsyncIterable<Buffer>): Promise<Attributes> => {
  const found = new Map<string, readonly string[]>();
  const reader = new TarReader({
    entry: ({ type, path }, attributes) => {
      if (type === 'dir') found.set(path.toString('latin1').replace(/^\.\//, ''), attributes);
    },
  });
  for await (const chunk of archive) reader.push(chunk);
  reader.end();
  return found;
};

const attributesOf = async (
  copy: string,
  folders: readonly Buffer[],
  signal: AbortSignal | undefined,
): Promise<Attributes> => {
  const child = spawnStreaming(
    [
      ...['tar', '-c', '-f', '-', '--format=posix'],
      ...keepAttributes,
      ...['--no-recursion', '--null', '--verbatim-files-from', '--files-from=-'],
    ],
    {
      cwd: copy,
      env: { LC_ALL: 'C' },
      input: Buffer.concat(folders.map(argumentOf)),
      ...(signal === undefined ? {} : { signal }),
    },
  );
  const found = await attributesIn(child.stdout as AsyncIterable<Buffer>);
  const why = graveComplaint(await child.done, true); // folders that are new are not there yet
  if (why !== undefined) throw new Error(`cannot read the attributes of ${copy}: ${why}`);
  return found;
};

/** Puts a new folder without attributes in the place of one, with what is in it. */
const renew = async (folder: Buffer, scratch: string): Promise<void> => {
  await mkdir(scratch, { mode: 0o700 });
  for (const name of await readdir(folder, { encoding: 'buffer' }))
    await rename(Buffer.concat([folder, Buffer.from('/'), name]), below(scratch, name));
  await rmdir(folder);
  await rename(scratch, folder);
};

/**
 * Unpacking gives a folder the attributes it has in the archive, but takes none away. So a folder of the
 * copy that has one which its source lost is replaced by a new one before. Next to never anything to do.
 */
export const dropLostAttributes = async (
  { archive, folders }: Captured,
  { copy, scratch, signal }: ApplyOptions,
): Promise<void> => {
  if (archive === undefined || folders.length === 0) return;
  const had = [...(await attributesOf(copy, folders, signal))].filter(([, names]) => names.length > 0);
  if (had.length === 0) return;
  const have = await attributesIn(createReadStream(archive, { highWaterMark: 256 * 1024 }));
  // The deepest first: what was renewed below does not matter to what lies above.
  for (const [path, names] of had.sort(([a], [b]) => (a < b ? 1 : -1))) {
    const kept = new Set(have.get(path));
    if (names.every((name) => kept.has(name))) continue;
    await renew(below(copy, path === '.' ? Buffer.alloc(0) : Buffer.from(path, 'latin1')), scratch);
  }
};
