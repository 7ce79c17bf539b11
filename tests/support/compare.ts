import { createReadStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createZstdDecompress } from 'node:zlib';
import { run } from '../../src/base/process.ts';
import { must } from './odd-tree.ts';

/** Lines of a NUL-ended list, as Latin-1 so that any bytes can be compared, sorted. */
const records = (bytes: Buffer): readonly string[] =>
  bytes.toString('latin1').split('\0').filter(Boolean).sort();

const list = async (root: string, folders: string, others: string): Promise<readonly string[]> =>
  records(
    await must(['find', '.', '(', '-type', 'd', '-printf', folders, ')', '-o', '-printf', others], root),
  );

/**
 * One line an entry of a tree, the root too: type, mode, owner, group, size, time, names, path, link target.
 * A folder's own size is the file system's affair.
 */
export const listing = (root: string): Promise<readonly string[]> =>
  list(root, '%y %m %U %G %T@ %p\\0', '%y %m %U %G %s %T@ %n %p -> %l\\0');

/** The same with whole seconds, and without what the engine's archives cannot hold: sockets, and links to them. */
export const coarseListing = async (root: string): Promise<readonly string[]> => {
  const all = await list(root, '%y %m %U %G %Ts %p\\0', '%y %m %U %G %s %Ts %n %p -> %l\\0');
  return all.filter((line) => !line.startsWith('s '));
};

/** SHA-256 and path of every regular file, in an order of its own. */
export const contents = async (root: string): Promise<readonly string[]> =>
  records(await must(['find', '.', '-type', 'f', '-exec', 'sha256sum', '-z', '--', '{}', '+'], root));

/** XFS shows ACLs a second time, under a name of its own. */
const isDouble = (line: string): boolean => line.startsWith('trusted.SGI_ACL_');

/** Blocks of lines, and the lines of each, in an order of their own: folders list what they hold in any order. */
const blocks = (bytes: Buffer): readonly string[] =>
  bytes
    .toString('latin1')
    .split('\n\n')
    .map((block) =>
      block
        .split('\n')
        .filter((line) => line !== '' && !isDouble(line))
        .sort()
        .join('\n'),
    )
    .filter((block) => block.includes('\n'))
    .sort();

/** Extended attributes and ACLs of everything in a tree. */
export const attributes = async (root: string): Promise<readonly string[]> => {
  const extended = await must(['getfattr', '-R', '-h', '-d', '-m', '-', '.'], root);
  const lists = await must(['getfacl', '-R', '-P', '-n', '-p', '.'], root);
  return [...blocks(extended), ...blocks(lists)];
};

/** Bytes that a tree takes on its disk. */
export const allocated = async (root: string): Promise<number> =>
  Number((await must(['du', '-s', '-B1', '.'], root)).toString().split('\t')[0]);

/** Unpacks a `.tar.zst` with GNU tar into a new folder; resolves with the one folder (or file) in it. */
export const unpacked = async (archive: string, into: string): Promise<string> => {
  await mkdir(into, { recursive: true });
  const input = createReadStream(archive).pipe(createZstdDecompress());
  const ended = await run(['tar', '-x', '-p', '--numeric-owner', '-f', '-'], { cwd: into, input });
  if (ended.exitCode !== 0) throw new Error(ended.stderr);
  const names = await readdir(into);
  if (names.length !== 1) throw new Error(`${archive} holds ${names.join(', ')}`);
  return join(into, names[0] ?? '');
};
