import { StackBackupError } from '../base/errors.ts';
import { formatBytes, plural } from '../base/text/amount.ts';
import { page } from '../base/text/page.ts';
import { type Cell, table } from '../base/text/table.ts';
import type { ResolvedSnapshot } from '../catalog/reference.ts';
import { formatIndexLine } from '../snapshot/index-file.ts';
import { type Address, addressOf, placeOf } from '../snapshot/inside/address.ts';
import { listMount } from '../snapshot/inside/list.ts';
import { entryLine, shown } from './looking/lines.ts';
import { untilReaderGoes, write } from './looking/output.ts';
import { plainEntries } from './looking/plain.ts';
import { resolved } from './looking/resolved.ts';
import type { World } from './session/session.ts';

/** Nothing in the snapshot has this path. */
export const unknownPath = (path: string, { folder }: ResolvedSnapshot): StackBackupError =>
  new StackBackupError('path-unknown', `there is no ${path} in ${folder}`, {
    next: '`stack-backup ls <snapshot>` shows what there is; paths go on from there.',
  });

/** Without a path: what the snapshot consists of. */
const overview = async (world: World, { manifest }: ResolvedSnapshot): Promise<void> => {
  if (world.flags.json) {
    for (const mount of manifest.mounts)
      await write(
        world,
        `${JSON.stringify({ path: placeOf(mount), kind: mount.kind, name: mount.name, form: mount.form, entries: mount.entries, files: mount.files, bytes: mount.bytes })}\n`,
      );
    for (const { path, kind, service, bytes } of manifest.dumps)
      await write(world, `${JSON.stringify({ path, kind, service, bytes })}\n`);
    return;
  }
  const rows: readonly (readonly Cell[])[] = [
    ...manifest.mounts.map((mount) => [
      placeOf(mount),
      formatBytes(mount.bytes),
      plural(mount.entries, 'entry', 'entries'),
      `${mount.form}, ${mount.name}`,
    ]),
    ...manifest.dumps.map(({ path, bytes, kind, service }) => [
      path,
      formatBytes(bytes),
      '',
      `${kind} of ${service}`,
    ]),
  ];
  const width = world.stdout.columns ?? Number.MAX_SAFE_INTEGER;
  const columns = [{}, { align: 'right' }, { align: 'right' }, { tone: 'quiet' }] as const;
  await write(
    world,
    page(table(rows, columns, { width }), { color: world.flags.color && world.stdout.isTTY, width }),
  );
};

const listEntries = async (
  world: World,
  { folder, manifest }: ResolvedSnapshot,
  { mount, path: at }: Address & { readonly kind: 'mount' },
  all: boolean,
): Promise<boolean> => {
  let isThere = false;
  const start = at.length === 0 ? 0 : at.length + 1;
  for await (const batch of listMount(folder, mount, at, all)) {
    let text = '';
    for (const entry of batch) {
      world.signal.throwIfAborted();
      const isItself = entry.path.equals(at);
      isThere ||= isItself;
      // A folder stands for what lies in it; of a file there is nothing else.
      if (isItself && entry.type === 'dir') continue;
      const name = isItself
        ? entry.path.subarray(entry.path.lastIndexOf(0x2f) + 1)
        : entry.path.subarray(start);
      if (world.flags.json) text += formatIndexLine(entry);
      else text += entryLine(entry, shown(name) || placeOf(mount), manifest.timezone);
    }
    if (text !== '') await write(world, text);
  }
  return isThere;
};

const listPlain = async (
  world: World,
  snapshot: ResolvedSnapshot,
  at: Buffer,
  all: boolean,
): Promise<boolean> => {
  const entries = await plainEntries(snapshot, at, all);
  for (const { path, type, size } of entries)
    await write(
      world,
      world.flags.json
        ? `${JSON.stringify({ path: path.toString('utf8'), type, size })}\n`
        : `${(type === 'dir' ? '-' : formatBytes(size)).padStart(7)}  ${shown(path)}${type === 'dir' ? '/' : ''}\n`,
    );
  return entries.length > 0;
};

/** `stack-backup ls <snapshot> [path]`: what is in it, of trees and archives alike, from the indexes alone. */
export const ls = async (
  world: World,
  reference: string,
  path: string | undefined,
  recursive: boolean,
): Promise<number> => {
  const [snapshot] = await resolved(world, [reference]);
  if (snapshot === undefined) return 0;
  return await untilReaderGoes(async () => {
    const isTop = path === undefined || /^(?:\.|\/|(?:volumes|binds)\/*)$/.test(path);
    if (isTop) {
      await overview(world, snapshot);
      return 0;
    }
    const address = addressOf(path, snapshot.manifest);
    const isThere =
      address?.kind === 'mount'
        ? await listEntries(world, snapshot, address, recursive)
        : address !== undefined && (await listPlain(world, snapshot, address.path, recursive));
    if (!isThere) throw unknownPath(path, snapshot);
    return 0;
  });
};
