import { posix } from 'node:path';
import { StackBackupError } from '../../../base/errors.ts';
import type { Engine, HolderRequest } from '../../../docker/engine.ts';
import type { JournalPutBack } from '../../journal.ts';

/**
 * What a holder mounts to reach a volume through the engine. A volume that containers have cannot be made anew, and
 * nothing can be removed from it; so the folder that it lies in is mounted: the engine takes a folder away when a
 * file is to take its place.
 */
export const holderMount = (
  { kind, name, source, inPlace }: JournalPutBack,
  target: string,
): HolderRequest['mounts'][number] =>
  inPlace
    ? { kind: 'bind', source: posix.dirname(source), target, readOnly: false, ofEngine: true }
    : { kind, source: name, target, readOnly: false };

/** Where the volume lies in a holder that mounts it as `holderMount` says. */
export const inHolder = ({ source, inPlace }: JournalPutBack, target: string): string =>
  inPlace ? posix.join(target, posix.basename(source)) : target;

/** Somebody may be making and removing files in it at this moment: so often is looked again. */
const mostLooks = 20;

type Seen = 'same' | 'another' | 'unsteady';

const look = async (engine: Engine, holder: string, at: number, put: JournalPutBack): Promise<Seen> => {
  const likeness = async (path: string): Promise<string> => (await engine.statArchive(holder, path)).likeness;
  const before = await likeness(`/data/${at}`);
  if ((await likeness(inHolder(put, `/beside/${at}`))) === before) return 'same';
  return before === (await likeness(`/data/${at}`)) ? 'another' : 'unsteady';
};

/** Volumes as containers have them, and beside them as they are to be emptied. */
const mountingBoth = async (
  engine: Engine,
  run: string,
  puts: readonly JournalPutBack[],
): Promise<string> => {
  const mounts = puts.flatMap((put, at) => [
    { kind: 'volume' as const, source: put.name, target: `/data/${at}`, readOnly: true },
    { ...holderMount(put, `/beside/${at}`), readOnly: true },
  ]);
  try {
    return await engine.createHolder({ run, mounts });
  } catch (error) {
    if (!(error instanceof StackBackupError) || error.code !== 'engine-failed') throw error;
    throw notThere(puts.map(({ name }) => name).join(', '), error.message);
  }
};

/**
 * Makes sure, before anything is touched, that the folder that is to be emptied is the volume that containers see: a
 * path of the engine may be one of another machine. Rejects with `restore-refused`.
 */
export const assertEmptiable = async (
  engine: Engine,
  run: string,
  all: readonly JournalPutBack[],
): Promise<void> => {
  const puts = all.filter(({ inPlace }) => inPlace);
  if (puts.length === 0) return;
  try {
    const holder = await mountingBoth(engine, run, puts);
    for (const [at, put] of puts.entries()) {
      let seen: Seen = 'unsteady';
      for (let looks = 0; looks < mostLooks && seen === 'unsteady'; looks++)
        seen = await look(engine, holder, at, put);
      if (seen !== 'same') throw notThere(put.name, 'what lies where the engine says is something else');
    }
  } finally {
    await engine.removeHolders(run);
  }
};

const notThere = (name: string, why: string): StackBackupError =>
  new StackBackupError('restore-refused', `${name} cannot be overwritten through the engine: ${why}`, {
    next: 'Run the tool as root where the engine runs; or remove the containers that have the volume (`docker compose down`, without -v), restore, then bring them up again.',
  });
