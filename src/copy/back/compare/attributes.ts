import { spawnStreaming } from '../../../base/process.ts';
import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { TarReader } from '../../archive/tar.ts';
import { keepAttributes } from '../../changes/attributes.ts';
import { argumentOf } from '../../changes/paths.ts';
import { complaint } from '../../walk.ts';
import type { Attributes } from '../place/headers.ts';
import { refused, stuck } from '../trouble.ts';
import { rootedAt } from '../wanted/wanted.ts';
import { handed } from './handed.ts';

/** Behind type and mode: `*` has extended attributes, `+` an ACL. */
const mark = /^[-dlpcbhC][-rwxsStT]{9}([ *+])/;

/**
 * Of these entries below `top` (or of that file), in their order, whether each has extended attributes or an ACL. Nothing of
 * their content is read: GNU tar skips it when it writes to /dev/null. No sockets among them.
 */
export const marksOf = async (
  top: string,
  type: 'dir' | 'file',
  entries: readonly RecordEntry[],
  signal: AbortSignal | undefined,
): Promise<readonly boolean[]> => {
  const { root, at } = rootedAt(top, { type });
  const child = spawnStreaming(
    [
      ...['tar', '-c', '-f', '/dev/null', '-vv', '--quoting-style=escape', '--numeric-owner'],
      '--hard-dereference',
      ...keepAttributes,
      ...['--no-recursion', '--null', '--verbatim-files-from', '--files-from=-'],
    ],
    {
      cwd: root,
      env: { LC_ALL: 'C' },
      input: Buffer.concat(entries.map(({ path }) => argumentOf(at(path)))),
      ...(signal && { signal }),
    },
  );
  const marks: boolean[] = [];
  let rest = '';
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) marks.push((mark.exec(line)?.[1] ?? '*') !== ' ');
  }
  const why = complaint(await child.done);
  if (why !== undefined) throw stuck(root, `its extended attributes cannot be read: ${why}`);
  if (marks.length !== entries.length) throw stuck(root, 'its extended attributes cannot be read');
  return marks;
};

/** All attributes of folders that are kept in memory; beyond anything real. */
const mostBytes = 64 * 1024 * 1024;

/** What PAX calls extended attributes and ACLs (star, GNU tar), but for what XFS shows a second time. */
export const isAttribute = (key: string): boolean => /^SCHILY\.(?:acl\.|xattr\.(?!trusted\.SGI_))/.test(key);

/** Attributes of folders as they come along in an archive. */
export class FolderAttributes {
  readonly #name: string;
  #bytes = 0;
  /** By path as Latin-1. */
  readonly all = new Map<string, Attributes>();

  constructor(name: string) {
    this.#name = name;
  }

  add(path: string, records: ReadonlyMap<string, Buffer>): void {
    const own = [...records].filter(([key]) => isAttribute(key));
    if (own.length === 0) return;
    this.#bytes += own.reduce((sum, [key, value]) => sum + key.length + value.length, path.length);
    if (this.#bytes > mostBytes) throw refused(this.#name, 'its folders have far too many attributes');
    this.all.set(path, new Map(own.map(([key, value]) => [key, Buffer.from(value)])));
  }
}

/** The attributes of folders below `root`. */
export const readAttributes = async (
  root: string,
  folders: AsyncIterable<readonly RecordEntry[]>,
  name: string,
): Promise<FolderAttributes> => {
  const names = async function* () {
    for await (const batch of folders)
      if (batch.length > 0) yield Buffer.concat(batch.map(({ path }) => argumentOf(path)));
  };
  const { input, assertWhole } = handed(names());
  const child = spawnStreaming(
    [
      ...['tar', '-c', '-f', '-', '--format=posix', ...keepAttributes],
      ...['--no-recursion', '--null', '--verbatim-files-from', '--files-from=-'],
    ],
    { cwd: root, env: { LC_ALL: 'C' }, input },
  );
  const found = new FolderAttributes(name);
  const reader = new TarReader({
    entry: ({ type, path }, _, records) => {
      if (type === 'dir') found.add(path.toString('latin1').replace(/^\.(\/|$)/, ''), records);
    },
  });
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) reader.push(chunk);
  const why = complaint(await child.done);
  assertWhole();
  if (why !== undefined) throw refused(name, why);
  reader.end();
  return found;
};
