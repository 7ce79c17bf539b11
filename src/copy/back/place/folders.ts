import { isUtf8 } from 'node:buffer';
import { chmodSync, chownSync, closeSync, fstatSync } from 'node:fs';
import { messageOf, StackBackupError } from '../../../base/errors.ts';
import { run } from '../../../base/process.ts';
import { printable, type RecordEntry } from '../../../snapshot/entries/records.ts';
import { keepAttributes } from '../../changes/attributes.ts';
import { complaint } from '../../walk.ts';
import { readAttributes } from '../compare/attributes.ts';
import type { Decisions } from '../compare/decisions.ts';
import { stuck } from '../trouble.ts';
import type { Wanted } from '../wanted/wanted.ts';
import { type FolderWalk, forOthers, throughHandle } from './folder-walk.ts';
import { type Attributes, archiveEnd, memberHead } from './headers.ts';

/** Folders that are open at a time. */
const atOnce = 400;

/**
 * Sets owner, mode, time, attributes and ACL of some folders. Node cannot do most of it, and a program that
 * is given their names may be led astray by links: so GNU tar gets an archive of members that are called
 * after handles of this process. It deletes an ACL that a member does not have.
 */
const dress = async (
  folders: readonly RecordEntry[],
  target: FolderWalk,
  attributes: ReadonlyMap<string, Attributes>,
  name: string,
): Promise<void> => {
  const handles: number[] = [];
  try {
    for (const { path } of folders) handles.push(target.handle(path));
    const members = folders.map((folder, place) =>
      memberHead('dir', `${handles[place]}/.`, folder, {
        attributes: attributes.get(folder.path.toString('latin1')),
      }),
    );
    const result = await run(
      [
        ...['tar', '-x', '-f', '-', '-C', `/proc/${process.pid}/fd`, '-p', '--same-owner', '--numeric-owner'],
        ...[...keepAttributes, '--delay-directory-restore', '--warning=no-timestamp'],
      ],
      { env: { LC_ALL: 'C' }, input: Buffer.concat([...members, archiveEnd]) },
    );
    const why = complaint(result);
    if (why !== undefined) throw stuck(name, why);
  } finally {
    for (const handle of handles) closeSync(handle);
  }
};

/** Gives all folders that were disturbed the metadata they have in the snapshot. Nothing else is done after that. */
export const finishFolders = async (
  { folders }: Decisions,
  wanted: Wanted,
  target: FolderWalk,
  attributes: ReadonlyMap<string, Attributes>,
  name: string,
): Promise<void> => {
  let waiting: RecordEntry[] = [];
  for await (const batch of wanted.entries())
    for (const entry of batch) {
      if (entry.type !== 'dir' || !folders.has(entry.path)) continue;
      waiting.push(entry);
      if (waiting.length < atOnce) continue;
      await dress(waiting, target, attributes, name);
      waiting = [];
    }
  if (waiting.length > 0) await dress(waiting, target, attributes, name);
};

const attributeKey = /^SCHILY\.xattr\./;

/**
 * The name of an extended attribute, which stands in its PAX key: there `=` and `%` are written like in a URL.
 * Undefined for one that no argument list of Node's can have.
 */
const attributeName = (key: string): string | undefined => {
  const name = key
    .replace(attributeKey, '')
    .replace(/%(3D|25)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const bytes = Buffer.from(name, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
};

/** False when there is no `setfattr`. */
const takeAway = async (attribute: string, from: string, name: string): Promise<boolean> => {
  try {
    const why = complaint(await run(['setfattr', '-x', attribute, '--', from], { env: { LC_ALL: 'C' } }));
    if (why !== undefined) throw stuck(name, why);
    return true;
  } catch (thrown) {
    if (thrown instanceof StackBackupError && thrown.code === 'tool-missing') return false;
    throw thrown;
  }
};

/**
 * Takes extended attributes from the root that it does not have in the snapshot. Unlike other folders it
 * cannot be replaced: it is what is mounted. False when `setfattr` would be needed and is not there, or cannot
 * be given the name.
 */
export const cleanRoot = async (
  target: FolderWalk,
  should: Attributes | undefined,
  name: string,
): Promise<boolean> => {
  const root = forOthers(target.root);
  const bare = async function* () {
    yield [{ path: Buffer.alloc(0) } as RecordEntry];
  };
  const has = (await readAttributes(root, bare(), name)).all.get('');
  const wrong = [...(has ?? [])]
    .map(([key]) => key)
    .filter((key) => attributeKey.test(key) && !should?.has(key));
  let isClean = true;
  for (const key of wrong) {
    const attribute = attributeName(key);
    isClean = attribute !== undefined && (await takeAway(attribute, `${root}/.`, name)) && isClean;
  }
  return isClean;
};

/** Sets owner and mode of files that are otherwise as they should be; nobody else holds them. */
export const setOwners = async (
  { owner }: Decisions,
  { links }: Wanted,
  target: FolderWalk,
  name: string,
): Promise<void> => {
  for await (const batch of owner.entries())
    for (const entry of batch)
      try {
        const handle = target.file(entry.path);
        try {
          const found = fstatSync(handle);
          const isOurs = found.nlink === 1 || links.has(entry.path.toString('latin1'));
          if (!found.isFile() || !isOurs) throw new Error('something else took its place');
          chownSync(throughHandle(handle), entry.uid, entry.gid);
          chmodSync(throughHandle(handle), entry.mode); // last: a new owner takes setuid away
        } finally {
          closeSync(handle);
        }
      } catch (thrown) {
        if (thrown instanceof StackBackupError) throw thrown;
        throw stuck(name, `${printable(entry.path)}: ${messageOf(thrown)}`, thrown);
      }
};
