import type { DataState } from '../../../base/events.ts';
import type { Engine } from '../../../docker/engine.ts';

/** What a mark says: one of the ends that data can have come to. */
const stateLabel = 'io.stack-backup.data';

type WholeState = Exclude<DataState, 'half-restored'>;

const wholeStates: readonly WholeState[] = ['untouched', 'restored', 'rolled-back'];

const nameOf = (run: string): string => `stack-backup-${run}`;

/**
 * Says on the engine what became of the data of a restore whose journal cannot be written any more, before
 * anything is started on it: an empty volume. A recovery that finds the old journal later would set back what
 * was written since.
 */
export const markData = (engine: Engine, run: string, data: WholeState): Promise<void> =>
  engine.createVolume({ name: nameOf(run), driver: 'local', options: {}, labels: { [stateLabel]: data } });

/** What the mark of a run says; undefined where there is none. */
export const markedData = async (engine: Engine, run: string): Promise<WholeState | undefined> => {
  const label = (await engine.volume(nameOf(run)))?.labels[stateLabel];
  return wholeStates.find((state) => state === label);
};

/** The journal says it now, or is gone. */
export const removeMark = (engine: Engine, run: string): Promise<void> => engine.removeVolume(nameOf(run));
