import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ownIdentity, type ProcessIdentity } from '../base/clock.ts';
import { atomicWrite, fsyncDirectory, rememberFolder } from '../base/disk.ts';
import { StackBackupError } from '../base/errors.ts';
import type { DataState, Outcome, Phase } from '../base/events.ts';
import type { RestartPolicy, VolumeDetails } from '../docker/engine.ts';
import type { LoadPlan } from '../hooks/load/types.ts';
import type { BackupPlan, PlannedContainer } from '../plan/types.ts';
import type { SnapshotType } from '../snapshot/types.ts';
import type { WayBack } from './quiet/way-back.ts';

/** A container that the run will touch, and everything needed to put it back. */
export interface JournalContainer extends PlannedContainer {
  readonly restartPolicy: RestartPolicy;
  /** `StartedAt` before the run: another value later means that somebody has started it since. */
  readonly startedAt: string;
  /** It had ended by itself before anything was stopped: it stays so. */
  readonly ended?: true;
  /** The run has brought it back: what becomes of it later is its own affair. */
  readonly back?: true;
}

/** The way back as data. Commands are left out, they may hold secrets: a recovery reads them again. */
export type JournalWayBack = Omit<WayBack, 'project' | 'postStart'> & {
  /** Services that have `post_start` hooks. */
  readonly postStart?: readonly string[];
};

/** What a run is for. A journal without it is that of a backup. */
type RunKind = 'backup' | 'restore' | 'drill' | 'into';

/** A mount that a restore overwrites. */
export interface JournalPutBack {
  /** Its name in the manifest of the snapshot. */
  readonly mount: string;
  readonly kind: 'volume' | 'bind';
  /** Volume or host path that it is put back into. */
  readonly name: string;
  /** Path on the engine's host, for `host` and for what is overwritten in its place. */
  readonly source: string;
  readonly method: 'host' | 'api';
  /** The restore makes the volume. Options without passwords: they may have to be asked for again. */
  readonly volume?: Omit<VolumeDetails, 'mountpoint' | 'name'>;
  /** For `api`: the volume is emptied where it lies (`source`, on the engine's host) and stays the one it is. */
  readonly inPlace?: true;
  /** Nothing of it was there before. */
  readonly created?: true;
  /** Subtrees that are put back instead of all, base64 of their bytes. */
  readonly paths?: readonly string[];
}

/** What the history is to tell of a drill that died. */
interface JournalDrill {
  /** Absolute path of the snapshot. */
  readonly path: string;
  readonly data: 'files' | 'dumps';
  readonly by: string;
  readonly ageMs: number;
}

/** What is needed to finish a restore that died, or to undo it. */
export interface JournalRestore {
  /** Absolute path of the snapshot that is restored. */
  readonly from: string;
  readonly mounts: readonly JournalPutBack[];
  readonly devices: boolean;
  /** Dumps that are loaded, by their path in the snapshot: `mounts` are those they change. */
  readonly loads?: readonly string[];
  /** How they are loaded, and under which names the old databases are kept; without their tables. */
  readonly loading?: readonly LoadPlan[];
  /** Folder name of the safety snapshot in the backups folder, as soon as it is complete. */
  readonly safety?: string;
  /** What became of the data, as soon as it is whole again. */
  readonly data?: DataState;
}

/** What the history tells of a restore into a new project that died. */
interface JournalInto {
  /** Of the new project, absolute. */
  readonly folder: string;
  /** Whose snapshot it is, and its absolute path. */
  readonly instance?: string;
  readonly from?: string;
}

/**
 * What a run leaves on disk before its first effect, so that whoever finds it can bring the services back.
 * Removed when the run has ended with everything in place.
 */
export interface Journal {
  readonly version: 1;
  readonly kind?: RunKind;
  /** Of a drill only. */
  readonly drill?: JournalDrill;
  /** Of a restore only. */
  readonly restore?: JournalRestore;
  /** Of a restore into a new project only. */
  readonly into?: JournalInto;
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
  readonly wayBack: JournalWayBack;
  /** Absolute path of the configuration: a recovery finds the `finally` hooks of the instance there. */
  readonly config?: string;
  /**
   * The way back has begun in this phase, of a run that failed or by a recovery: what was started since may have
   * been started by it. In phase `starting` that goes without saying.
   */
  readonly returning?: true;
  /** The run has come to its end and told this outcome; `containers` are those that are still down. */
  readonly told?: Outcome;
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

/** Writes a journal: on disk when it resolves. */
export const writeJournal = (path: string, journal: Journal): Promise<void> =>
  atomicWrite(path, `${JSON.stringify(journal)}\n`);

/** Removes a journal: its run is over and nothing is left to put back. So is what a killed write left of it. */
export const removeJournal = async (path: string): Promise<void> => {
  const halfWritten = `.${basename(path)}.`;
  for (const name of await readdir(dirname(path)))
    if (name.startsWith(halfWritten)) await rm(join(dirname(path), name), { force: true });
  await rm(path, { force: true });
  await fsyncDirectory(dirname(path));
};

/** The way back begins, and these have no part in it. */
export const returning = (
  { containers }: Journal,
  untouched: readonly string[],
): Pick<Journal, 'returning' | 'containers'> => ({
  returning: true,
  containers: containers.map((one) => (untouched.includes(one.id) ? { ...one, back: true } : one)),
});

export interface JournalFile {
  /**
   * Records that a phase begins, and what else has come to be; on disk when it resolves. One that has begun
   * already is not written again.
   */
  enter(phase: Phase, also?: Partial<Journal>): Promise<void>;
  /** Records that a container had ended by itself. */
  noteEnded(id: string): Promise<void>;
  /** Records that a container is back. Whoever brings services back does not wait for a disk. */
  noteBack(id: string): void;
  /** Records that the way back begins before the work has come to its end, and who was not touched at all. */
  noteReturn(untouched: readonly string[]): Promise<void>;
  /** The run is over, and has told this outcome, but these containers are still to be put back. */
  leave(told: Outcome, containers: readonly JournalContainer[], phase?: Phase): Promise<void>;
  /** The run is over and nothing is left to put back. */
  close(): Promise<void>;
  /** Tells what stands in it now, and each change before it is written; undefined when it is about to be removed. */
  follow(listener: (journal: Journal | undefined) => void): void;
}

/** Writes a journal where its folder is the one that `isHome` remembers: never into one that came to light below. */
const writeAtHome = async (path: string, journal: Journal, isHome: () => Promise<boolean>): Promise<void> => {
  if (!(await isHome()))
    throw new StackBackupError(
      'backups-unusable',
      `${dirname(path)} is not the folder in which the journal was begun: its file system was unmounted or replaced meanwhile`,
      { next: 'Mount it again, then run it again: that run removes what this one has left there.' },
    );
  await writeJournal(path, journal);
};

/**
 * Writes the journal (temp file, fsync, rename, fsync of the folder): on disk when it resolves. Once the disk with
 * its folder is gone every change rejects with `backups-unusable`, and nothing is written in its place.
 */
export const openJournal = async (path: string, first: Omit<Journal, 'process'>): Promise<JournalFile> => {
  const isHome = await rememberFolder(dirname(path));
  let journal: Journal = { ...first, process: ownIdentity() };
  let last = Promise.resolve();
  let tell: (journal: Journal | undefined) => void = () => undefined;
  /** One write after another: containers end while others do, and the newest word has to be the last one. */
  const change = (to: Partial<Journal>): Promise<void> => {
    journal = { ...journal, ...to };
    const now = journal;
    tell(now);
    last = last.catch(() => undefined).then(() => writeAtHome(path, now, isHome));
    return last;
  };
  const note = (id: string, what: Pick<JournalContainer, 'ended' | 'back'>): Promise<void> =>
    change({ containers: journal.containers.map((one) => (one.id === id ? { ...one, ...what } : one)) });
  let entered: { readonly phase: Phase; readonly done: Promise<void> } | undefined;
  await change({});
  return {
    enter: (phase, also) => {
      if (entered?.phase !== phase || also !== undefined)
        entered = { phase, done: change({ ...also, phase }) };
      return entered.done;
    },
    noteEnded: (id) => note(id, { ended: true }),
    noteReturn: async (untouched) => {
      if (entered?.phase !== 'starting') await change(returning(journal, untouched));
    },
    noteBack: (id) => void note(id, { back: true }).catch(() => undefined),
    leave: (told, containers, phase = 'starting') => change({ phase, told, containers }),
    close: async () => {
      await last.catch(() => undefined);
      tell(undefined);
      await removeJournal(path);
    },
    follow: (listener) => {
      tell = listener;
      listener(journal);
    },
  };
};
