import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { StackBackupError } from '../../../base/errors.ts';
import { statusOf } from '../../../docker/failure.ts';
import { difference, sideBySide } from '../../../snapshot/entries/compare.ts';
import { printable, type RecordEntry, readRecords, sortRecords } from '../../../snapshot/entries/records.ts';
import { recordEntries } from '../../../snapshot/entries/write.ts';
import { refused, stuck } from '../trouble.ts';
import type { BackOptions, BackPlan, BackSource, Change } from '../types.ts';
import type { LinkGroup } from '../wanted/links.ts';
import type { Wanted } from '../wanted/wanted.ts';
import { begun, emptied } from './empty.ts';
import { type EngineTarget, presentIn } from './present.ts';
import { archiveFor } from './stream.ts';

const second = 1_000_000_000n;

/** As the engine tells of an entry: whole seconds, none before 1970. */
const coarse = (entry: RecordEntry): RecordEntry => {
  const { target, ...plain } = entry;
  return {
    ...(entry.type === 'symlink' && target !== undefined ? { ...plain, target } : plain),
    mtimeNs: entry.mtimeNs < 0n ? 0n : (entry.mtimeNs / second) * second,
  };
};

/** Why an entry is not what it should be, as far as the engine tells. */
const differs = (
  wanted: RecordEntry,
  found: RecordEntry,
  groups: ReadonlyMap<string, LinkGroup>,
): string | undefined => {
  const isLink = found.type === 'file' && found.target !== undefined;
  const { size } = wanted;
  const why = difference(coarse(wanted), coarse(isLink ? { ...found, size } : found));
  if (why !== undefined || wanted.type !== 'file') return why;
  if (!isLink) return wanted.sha256 === found.sha256 ? undefined : 'its content changed';
  const group = groups.get(wanted.path.toString('latin1'));
  const target = found.target?.toString('latin1') ?? '';
  return group?.names.includes(target) === true ? undefined : 'its hard links are others';
};

interface Compared {
  readonly plan: BackPlan;
  /** The first that is not as it should be. */
  readonly first: string | undefined;
}

/** Killed just when it was taken away, and to be made anew, it may not be there at all. */
async function* presentOrNothing(target: EngineTarget, signal: AbortSignal | undefined) {
  try {
    yield* presentIn(target, signal);
  } catch (error) {
    if (statusOf(error) !== 404 || !target.inParent) throw error;
  }
}

/** Reads all that a holder mounts, through the engine, and compares it. */
const compareThrough = async (
  wanted: Wanted,
  target: EngineTarget,
  work: string,
  { signal, devices }: BackOptions,
  tell: (change: Change) => void,
  name: string,
): Promise<Compared> => {
  const present = join(work, `engine-${performance.now()}`);
  await recordEntries(presentOrNothing(target, signal), present);
  await sortRecords(present, signal);
  const plan = { created: 0, replaced: 0, removed: 0, metadata: 0, same: 0, bytes: 0 };
  let first: string | undefined;
  const changed = ({ path, type, size }: RecordEntry, kind: Change['kind'], why: string): void => {
    plan[kind]++;
    if (kind === 'created' || kind === 'replaced') plan.bytes += type === 'file' ? size : 0;
    first ??= `${printable(path) || '.'}: ${why}`;
    tell({ path: Buffer.from(path), kind, type, size: type === 'file' ? size : 0 });
  };
  for await (const rows of sideBySide(wanted.entries(), readRecords(present)))
    for (const [is, found] of rows) {
      if (is?.type === 'socket') continue; // no archive holds one
      if (is?.type === 'block' || is?.type === 'char')
        throw refused(
          name,
          `it is a device node, which ${devices ? 'the engine is not sent' : '`--devices` was not given for'}`,
          is.path,
        );
      if (is === undefined && found !== undefined) changed(found, 'removed', 'it is there');
      else if (is !== undefined && found === undefined) changed(is, 'created', 'it is not there');
      else if (is !== undefined && found !== undefined) {
        const why = differs(is, found, wanted.links);
        if (why === undefined) plan.same++;
        else changed(is, is.type === 'dir' && found.type === 'dir' ? 'metadata' : 'replaced', why);
      }
    }
  return { plan, first };
};

/** What would change, read through the engine. Entries have no finer times there than seconds. */
export const planThrough = async (
  wanted: Wanted,
  target: EngineTarget,
  work: string,
  options: BackOptions,
  name: string,
): Promise<BackPlan> => {
  if (options.paths !== undefined)
    throw new StackBackupError('usage', `single paths of ${name} cannot be put back through the engine`, {
      next: 'Restore all of it, or run the tool as root where the engine runs.',
    });
  return (await compareThrough(wanted, target, work, options, options.onChange ?? (() => undefined), name))
    .plan;
};

/**
 * Fills what a holder mounts, through the engine, and reads it again. Nothing can be removed that way: where
 * something would have to be, all of it is made anew if its parent is mounted, else it rejects with `copy-failed` and
 * `details.notEmpty`.
 */
export const putThrough = async (
  source: BackSource,
  wanted: Wanted,
  target: EngineTarget,
  work: string,
  options: BackOptions,
): Promise<BackPlan> => {
  const { name } = source.mount;
  const { signal, onProgress, onChange: _, ...others } = options;
  const quietly = { ...others, ...(signal && { signal }) };
  const plan = await planThrough(wanted, target, work, options, name);
  const isAnew = plan.removed > 0 && target.inParent === true;
  if (plan.removed > 0 && !isAnew)
    throw new StackBackupError(
      'copy-failed',
      `${name} is not empty, and nothing can be removed through the engine`,
      {
        details: { notEmpty: true },
        next: 'Make the volume anew, then restore again; or run the tool as root where the engine runs.',
      },
    );
  if (isAnew) {
    const why = await emptied(target, signal);
    // One that something is mounted on stays, with nothing in it: that is as good.
    const again = why === undefined ? undefined : await planThrough(wanted, target, work, quietly, name);
    if (again !== undefined && again.removed > 0) throw why;
  }
  if (plan.created + plan.replaced + plan.metadata === 0 && !isAnew) return plan;
  let bytes = 0;
  const archive = async function* () {
    const top = basename(target.path);
    if (target.inParent) yield begun(top);
    for await (const chunk of archiveFor(source, wanted, top, signal)) {
      bytes += chunk.length;
      onProgress?.(Math.min(bytes, plan.bytes));
      yield chunk;
    }
  };
  const tar = Readable.from(archive());
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  tar.on('error', broken.reject); // what is wrong with the snapshot counts, not what the engine says of it
  try {
    await Promise.race([
      target.engine.writeArchive(target.holder, dirname(target.path), tar, signal),
      broken.promise,
    ]);
  } finally {
    tar.destroy(); // what it is made from is let go, also when the engine did not want the rest
  }
  const { first } = await compareThrough(wanted, target, work, options, () => undefined, name);
  if (first !== undefined) throw stuck(name, first);
  return plan;
};
