import { StackBackupError } from '../base/errors.ts';
import type { ResolvedSnapshot } from '../catalog/reference.ts';
import { readContent, readPlain, type Take } from '../copy/reading/content.ts';
import { type Address, addressOf } from '../snapshot/inside/address.ts';
import { entryAt } from '../snapshot/inside/list.ts';
import { sumsOf } from '../snapshot/inside/sums.ts';
import { manifestName, sumsName } from '../snapshot/layout.ts';
import { shown } from './looking/lines.ts';
import { untilReaderGoes, write } from './looking/output.ts';
import { resolved } from './looking/resolved.ts';
import { unknownPath } from './ls.ts';
import type { World } from './session/session.ts';

const fromMount = async (
  world: World,
  path: string,
  snapshot: ResolvedSnapshot,
  { mount, path: at }: Address & { readonly kind: 'mount' },
  take: Take,
): Promise<void> => {
  const entry = await entryAt(snapshot.folder, mount, at);
  if (entry === undefined) throw unknownPath(path, snapshot);
  if (entry.type !== 'file') {
    const to = entry.type === 'symlink' && entry.target ? ` to ${shown(entry.target)}` : '';
    throw new StackBackupError('path-unknown', `${path} is a ${entry.type}${to}, not a file`, {
      next: 'Links are not followed: name the file that they lead to. `stack-backup ls` lists folders.',
    });
  }
  await readContent(snapshot.folder, mount, entry, take, world.signal);
};

/** The manifest and SHA256SUMS stand in no list; whatever else is not in it does not belong there. */
const fromPlain = async (
  world: World,
  path: string,
  snapshot: ResolvedSnapshot,
  at: Buffer,
  take: Take,
): Promise<void> => {
  const name = at.toString('latin1');
  const isListed = name !== manifestName && name !== sumsName;
  const sums = isListed ? await sumsOf(snapshot.folder, (one) => one === name) : new Map();
  if (isListed && !sums.has(name)) throw unknownPath(path, snapshot);
  await readPlain(snapshot.folder, at, { sha256: sums.get(name) }, take, world.signal);
};

/**
 * `stack-backup cat <snapshot> <path>`: the bytes of one file, out of a tree or an archive, or of a dump. Exit
 * code 6 when they are not what they were.
 */
export const cat = async (world: World, reference: string, path: string): Promise<number> => {
  const [snapshot] = await resolved(world, [reference]);
  if (snapshot === undefined) return 0;
  return await untilReaderGoes(async () => {
    const address = addressOf(path, snapshot.manifest);
    if (address === undefined) throw unknownPath(path, snapshot);
    const take = (chunk: Buffer): Promise<void> => write(world, chunk);
    if (address.kind === 'mount') await fromMount(world, path, snapshot, address, take);
    else await fromPlain(world, path, snapshot, address.path, take);
    return 0;
  });
};
