import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { difference, isTimeCutShort, sideBySide } from '../../../snapshot/entries/compare.ts';
import { printable, type RecordEntry, readRecords, sortRecords } from '../../../snapshot/entries/records.ts';
import { FileHasher } from '../../../snapshot/hashing.ts';
import { recordWalk } from '../../walk.ts';
import type { Decided } from '../back.ts';
import { stuck } from '../trouble.ts';
import type { BackOptions } from '../types.ts';
import { check } from './check.ts';
import { FolderWalk } from './folder-walk.ts';
import { cleanRoot, finishFolders, setOwners } from './folders.ts';
import { Placer } from './place.ts';
import { removeExtras, renewFolder } from './remove.ts';
import { Staging } from './staging.ts';

const fill = async (
  decided: Decided,
  target: FolderWalk,
  staging: Staging,
  { signal, onProgress }: BackOptions,
): Promise<void> => {
  const { filler, wanted, decisions, source } = decided;
  if (decisions.make.count === 0) return;
  const placer = new Placer(target, staging, source.mount.name);
  await using hasher = new FileHasher(staging.path, signal === undefined ? {} : { signal });
  let done = 0;
  for await (const batch of filler.batches({ top: decided.target, target, staging, signal })) {
    done += await check(batch, staging.walk, hasher, decided);
    placer.place(batch);
    onProgress?.(done);
  }
  const groups = new Set(wanted.links.values());
  const made = new Set<string>();
  if (groups.size > 0)
    for await (const batch of decisions.make.entries())
      for (const { path } of batch) made.add(path.toString('latin1'));
  for (const { names } of groups) if (made.has(names[0] ?? '')) placer.link(names);
};

/** Walks the target once more: is it what the snapshot has? */
export const look = async (
  { wanted, narrowing, target, work, source, decisions }: Decided,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const present = join(work, 'after');
  await recordWalk(target, present, signal);
  await sortRecords(present, signal);
  const differs = (is: RecordEntry | undefined, found: RecordEntry | undefined): string | undefined => {
    if (is === undefined)
      return found !== undefined && narrowing.has(found) ? 'it is there again' : undefined;
    if (found === undefined) return 'it is not there';
    const isOurs = narrowing.has(is) || decisions.folders.has(is.path);
    return isOurs && !isTimeCutShort(is, found) ? difference(is, found) : undefined;
  };
  for await (const rows of sideBySide(wanted.entries(), readRecords(present)))
    for (const [is, found] of rows) {
      const why = differs(is, found);
      if (why !== undefined)
        throw stuck(source.mount.name, `${printable((is ?? found)?.path ?? Buffer.alloc(0)) || '.'}: ${why}`);
    }
};

/** Does what was decided, and looks at it again. Resolves with what could not be kept. */
export const carryOut = async (decided: Decided, options: BackOptions): Promise<readonly string[]> => {
  const { source, wanted, decisions, filler } = decided;
  const { name } = source.mount;
  using target = new FolderWalk(decided.target);
  const ours = async function* () {
    for await (const batch of wanted.entries())
      yield batch.filter(({ type, path }) => type === 'dir' && decisions.folders.has(path));
  };
  // Those of a tree are read meanwhile, those of an archive come with its bytes.
  const early = source.mount.form === 'tree' ? filler.attributes(ours()) : undefined;
  early?.catch(() => undefined);
  {
    await using staging = await Staging.open(decided.target);
    await removeExtras(decisions, target, staging, name);
    await fill(decided, target, staging, options);
    await setOwners(decisions, wanted, target, name);
    for (const path of decisions.renew.sort((a, b) => b.length - a.length))
      if (path.length > 0) renewFolder(path, target, staging, name);
    target.forget();
    await setImmediate();
  }
  const attributes = await (early ?? filler.attributes(ours()));
  const isRootMarked = decisions.renew.some((path) => path.length === 0);
  const isClean = !isRootMarked || (await cleanRoot(target, attributes.get(''), name));
  await finishFolders(decisions, wanted, target, attributes, name);
  await look(decided, options.signal);
  return isClean ? [] : ['xattrs'];
};
