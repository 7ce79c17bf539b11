import { randomBytes } from 'node:crypto';
import {
  appendFile,
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import fc from 'fast-check';
import { errnoOf } from '../../src/base/errors.ts';
import { run } from '../../src/base/process.ts';

/** One change to a tree. `at` and `to` choose among what is there; a change that cannot be made is none. */
export interface Edit {
  readonly kind: (typeof kinds)[number] | 'attributeOfFile';
  readonly at: number;
  readonly to: number;
  readonly size: number;
}

const kinds = [
  ...['create', 'create', 'create', 'large', 'sparse', 'append', 'overwrite', 'rewind', 'chmod', 'chown'],
  ...['move', 'move', 'replace', 'remove', 'removeTree', 'mkdir', 'mkdir', 'symlink', 'link', 'link'],
  ...['attribute', 'attributeOff', 'acl', 'fifo', 'fileToDir', 'dirToFile', 'touchDir'],
  ...['patch', 'patch', 'shrink', 'punch'],
] as const;

/** Few names, so that edits meet; some that trip tools. */
const names = ['a', 'b', 'c', 'd-e', '-f', 'new\nline', 'x y', '\u00fc'].map((name) => Buffer.from(name));
names.push(Buffer.from([0xff, 0x0a]), Buffer.from('b'.repeat(120)));

export const edits = (most: number): fc.Arbitrary<readonly Edit[]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom(...kinds),
      at: fc.nat(1_000_000),
      to: fc.nat(1_000_000),
      size: fc.nat(40_000),
    }),
    { minLength: 1, maxLength: most },
  );

const join = (folder: Buffer, name: Buffer): Buffer => Buffer.concat([folder, Buffer.from('/'), name]);

const all = async (folder: Buffer): Promise<{ readonly folders: Buffer[]; readonly others: Buffer[] }> => {
  const folders = [folder];
  const others: Buffer[] = [];
  for (const at of folders)
    for (const entry of await readdir(at, { withFileTypes: true, encoding: 'buffer' })) {
      const path = join(at, entry.name as unknown as Buffer);
      (entry.isDirectory() ? folders : others).push(path);
    }
  return { folders, others };
};

const pick = <T>(items: readonly T[], choice: number): T | undefined => items[choice % items.length];

const sparse = async (path: Buffer): Promise<void> => {
  const file = await open(path, 'wx');
  await file.write('begin', 0);
  await file.write('end', 3 * 1024 * 1024);
  await file.close();
};

/** Same size, same mtime: only the change time tells. */
const rewind = async (path: Buffer): Promise<void> => {
  const before = await lstat(path);
  if (!before.isFile() || before.size === 0) return;
  const file = await open(path, 'r+');
  await file.write(randomBytes(Math.min(before.size, 64)), 0, undefined, 0);
  await file.close();
  await utimes(path, before.atimeMs / 1000, before.mtimeMs / 1000);
};

/** Writes a few bytes into the middle of it. */
const patch = async (path: Buffer, at: number): Promise<void> => {
  const file = await open(path, 'r+');
  await file.write(randomBytes(1 + (at % 9000)), 0, undefined, at % ((await file.stat()).size + 1));
  await file.close();
};

const tool = async (root: Buffer, path: Buffer, ...command: readonly string[]): Promise<void> => {
  // The path is relative and comes through xargs: it may be any bytes.
  const name = Buffer.concat([Buffer.from('.'), path.subarray(root.length)]);
  await run(['xargs', '-0', ...command], { cwd: root.toString(), input: name });
};

const regular = async (path: Buffer | undefined): Promise<Buffer | undefined> =>
  path !== undefined && (await lstat(path)).isFile() ? path : undefined;

const applyOne = async (root: Buffer, { kind, at, to, size }: Edit): Promise<void> => {
  const { folders, others } = await all(root);
  const folder = pick(folders, at) as Buffer;
  const inner = pick(folders.slice(1), at);
  const other = pick(others, at);
  const fresh = join(pick(folders, to) as Buffer, pick(names, size) as Buffer);
  const file = await regular(other);
  if (kind === 'create') await writeFile(fresh, randomBytes(size), { flag: 'wx' });
  if (kind === 'large') await writeFile(fresh, Buffer.alloc(1024 * 1024 + size, size % 256), { flag: 'wx' });
  if (kind === 'sparse') await sparse(fresh);
  if (kind === 'mkdir') await mkdir(fresh);
  if (kind === 'symlink') await symlink(join(Buffer.from('..'), pick(names, at) as Buffer), fresh);
  if (kind === 'append' && file) await appendFile(file, randomBytes(100));
  if (kind === 'overwrite' && file) await writeFile(file, randomBytes(size));
  if (kind === 'rewind' && file) await rewind(file);
  if (kind === 'patch' && file) await patch(file, to);
  if (kind === 'shrink' && file) await truncate(file, Math.floor(((await lstat(file)).size * 3) / 4));
  if (kind === 'punch' && file) await tool(root, file, 'fallocate', '-p', '-o', String(size), '-l', '70000');
  if (kind === 'chmod') await chmod(file ?? folder, 0o600 + (size % 0o200));
  if (kind === 'chown') await chown(file ?? folder, 1000 + (size % 7), 1000);
  if (kind === 'move') await rename(other !== undefined && to % 2 ? other : (inner ?? fresh), fresh);
  if (kind === 'replace' && file) await rename(file, pick(others, to) as Buffer);
  if (kind === 'remove' && other) await unlink(other);
  if (kind === 'removeTree' && inner) await rm(inner, { recursive: true });
  if (kind === 'link' && file) await link(file, fresh);
  if (kind === 'attribute') await tool(root, file ?? folder, 'setfattr', '-n', 'user.n', '-v', String(size));
  if (kind === 'attributeOfFile' && file)
    await tool(root, file, 'setfattr', '-n', 'user.n', '-v', String(size));
  if (kind === 'attributeOff') await tool(root, file ?? folder, 'setfattr', '-x', 'user.n');
  if (kind === 'acl') await tool(root, file ?? folder, 'setfacl', '-m', `u:${4000 + (size % 3)}:r`);
  if (kind === 'fifo') await tool(root, fresh, 'mkfifo');
  if (kind === 'touchDir') await utimes(folder, size, size);
  if (kind === 'fileToDir' && file) {
    await unlink(file);
    await mkdir(file);
    await writeFile(join(file, Buffer.from('inside')), 'inside');
  }
  if (kind === 'dirToFile' && inner) {
    await rm(inner, { recursive: true });
    await writeFile(inner, 'was a folder');
  }
};

/** What a change may run into that is no change then: names taken, gone, or within themselves. */
const harmless = new Set(['EEXIST', 'ENOENT', 'ENOTEMPTY', 'EISDIR', 'ENOTDIR', 'EINVAL', 'EBUSY', 'ENXIO']);

/** Makes changes to a tree, one after the other. */
export const applyEdits = async (root: string, changes: readonly Edit[]): Promise<void> => {
  for (const edit of changes)
    try {
      await applyOne(Buffer.from(root), edit);
    } catch (error) {
      if (!harmless.has(errnoOf(error) ?? '')) throw error;
    }
};
