import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ownIdentity, type ProcessIdentity } from '../base/clock.ts';
import { atomicWrite, fsyncDirectory } from '../base/disk.ts';
import type { Phase } from '../base/events.ts';
import type { RestartPolicy } from '../docker/engine.ts';
import type { BackupPlan, PlannedContainer } from '../plan/types.ts';
import type { SnapshotType } from '../snapshot/types.ts';
import type { WayBack } from './quiet/way-back.ts';

/** A container that the run will touch, and everything needed to put it back. */
export interface JournalContainer extends PlannedContainer {
  readonly restartPolicy: RestartPolicy;
  /** `StartedAt` before the run: another value later means that somebody has started it since. */
  readonly startedAt: string;
}

/**
 * What a run leaves on disk before its first effect, so that whoever finds it can bring the services back.
 * Removed when the run has ended with everything in place.
 */
export interface Journal {
  readonly version: 1;
  readonly id: string;
  readonly instance: string;
  readonly project: string;
  /** Folder name that the snapshot is to have. */
  readonly snapshot: string;
  readonly type: SnapshotType;
  readonly engine: { readonly id: string; readonly endpoint: string };
  readonly process: ProcessIdentity;
  readonly started: string;
  readonly phase: Phase;
  /** Absolute path of the folder being written. */
  readonly folder: string;
  readonly containers: readonly JournalContainer[];
  readonly wayBack: Omit<WayBack, 'project' | 'postStart'>;
}

/** The journal's view of the containers of a plan. */
export const journalContainers = (plan: BackupPlan): readonly JournalContainer[] => {
  const details = new Map(plan.stack.containers.map((one) => [one.id, one.details]));
  return plan.stopWaves.flat().map((container) => ({
    ...container,
    restartPolicy: details.get(container.id)?.restartPolicy ?? { name: 'no', maximumRetryCount: 0 },
    startedAt: details.get(container.id)?.startedAt ?? '',
  }));
};

export interface JournalFile {
  /** Records that a phase begins; on disk when it resolves. */
  enter(phase: Phase): Promise<void>;
  /** The run is over and nothing is left to put back. */
  close(): Promise<void>;
}

/** Writes the journal (temp file, fsync, rename, fsync of the folder): on disk when it resolves. */
export const openJournal = async (path: string, first: Omit<Journal, 'process'>): Promise<JournalFile> => {
  const identity = ownIdentity();
  const write = (phase: Phase): Promise<void> =>
    atomicWrite(path, `${JSON.stringify({ ...first, process: identity, phase } satisfies Journal)}\n`);
  await write(first.phase);
  return {
    enter: write,
    close: async () => {
      await rm(path, { force: true });
      await fsyncDirectory(dirname(path));
    },
  };
};
