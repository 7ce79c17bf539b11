import { rmdir } from 'node:fs/promises';
import { diskTrouble } from '../../base/disk/trouble.ts';
import { makeFolderIn, makePrivateDirectory, rememberFolder } from '../../base/disk.ts';
import { messageOf, StackBackupError } from '../../base/errors.ts';
import type { BackupPlan } from '../../plan/types.ts';
import { journalPath, journalsPath, temporariesPath } from '../../snapshot/layout.ts';
import {
  type Journal,
  type JournalFile,
  type JournalWayBack,
  openJournal,
  removeJournal,
} from '../journal.ts';
import { type WayBack, wayBackOf } from '../quiet/way-back.ts';
import type { Run } from '../run.ts';

const journalled = (plan: BackupPlan, way: WayBack): JournalWayBack => {
  const { project: _project, postStart: _postStart, ...kept } = way;
  const lifecycle = Object.entries(plan.stack.lifecycle);
  return {
    ...kept,
    postStart: lifecycle.filter(([, { postStart }]) => postStart.length > 0).map(([service]) => service),
  };
};

/** A run that has its folder and its journal. */
export interface OpenedRun {
  readonly journal: JournalFile;
  /** Whether both are in reach still: a file system can be unmounted from under a run. */
  readonly isHome: () => Promise<boolean>;
}

const journalOf = (run: Run, also: Partial<Journal>): Promise<JournalFile> => {
  const { backups, name, configFile } = run.plan.instance;
  return openJournal(journalPath(backups, run.id), {
    version: 1,
    id: run.id,
    instance: name,
    project: run.plan.stack.project,
    snapshot: run.snapshot,
    type: run.options.type,
    engine: { id: run.tools.info.id, endpoint: run.context.engine.endpoint },
    started: run.started.toISOString(),
    phase: 'before-stop',
    folder: run.folder,
    containers: [...run.ledger.values()].map((entry) => entry.container),
    wayBack: journalled(run.plan, wayBackOf(run.plan, run.needs)),
    ...(configFile === undefined ? {} : { config: configFile }),
    ...also,
  });
};

/** A journal or a folder that cannot be made, or flushed, leaves nothing behind: nothing has been touched yet. */
const journalAndFolder = async (run: Run, also: Partial<Journal>): Promise<JournalFile> => {
  try {
    const journal = await journalOf(run, also);
    await makeFolderIn(run.folder);
    return journal;
  } catch (error) {
    await removeJournal(journalPath(run.plan.instance.backups, run.id)).catch(() => undefined);
    await rmdir(run.folder).catch(() => undefined);
    throw error;
  }
};

/**
 * Makes the run's journal and its folder: the first thing a run writes, before it touches anything. Rejects
 * with `space-short` or `backups-unusable`. `also` stands in the journal, too.
 */
export const openFolders = async (run: Run, also: Partial<Journal> = {}): Promise<OpenedRun> => {
  const { backups } = run.plan.instance;
  try {
    for (const path of [backups, journalsPath(backups), temporariesPath(backups)])
      await makePrivateDirectory(path);
    const isHome = await rememberFolder(temporariesPath(backups));
    return { journal: await journalAndFolder(run, also), isHome };
  } catch (cause) {
    const next = `Look at the permissions of ${backups} and of what is in it, or choose another folder with --backups.`;
    throw (
      (await diskTrouble(cause, backups)) ??
      new StackBackupError('backups-unusable', `cannot write to ${backups}: ${messageOf(cause)}`, {
        cause,
        next,
      })
    );
  }
};
