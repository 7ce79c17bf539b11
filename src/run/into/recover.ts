import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '../../base/disk.ts';
import { StackBackupError } from '../../base/errors.ts';
import type { Engine } from '../../docker/engine.ts';
import { composeLabel } from '../../stack/labels.ts';
import { appendHistory } from '../history.ts';
import { removeJournal } from '../journal.ts';
import type { RunRecord } from '../record.ts';
import type { Found } from '../recovery/journals.ts';
import { type RecoveryTools, recoverRun } from '../recovery/recover.ts';
import { intoRecord } from './record.ts';

/** In the folder of a new project until it is complete: whose it is. */
export const markName = '.stack-backup-into';

/** The folder of a new project, if this run has made it: whoever else wrote the journal removes nothing. */
const removeFolder = async (folder: string, run: string): Promise<void> => {
  const mark = await readFile(join(folder, markName), 'utf8').catch(() => undefined);
  if (mark === run) await removeTree(folder);
};

/** Removes what was made of a project that was not there before: containers, networks, volumes, its folder. */
export const removeProject = async (
  engine: Engine,
  project: string,
  folder: string,
  run: string,
): Promise<void> => {
  await engine.removeLabelled(`${composeLabel.project}=${project}`);
  await removeFolder(folder, run);
};

/** Removes what a dead `restore --into` has left of its copy. The original was never touched. */
export const recoverInto = async (found: Found, tools: RecoveryTools): Promise<RunRecord> => {
  const { journal } = found;
  const { context, warnings, isClean } = await recoverRun(journal, tools, {
    also: () => removeProject(tools.engine, journal.project, journal.into?.folder ?? '', journal.id),
  });
  const finished = context.clock.now();
  const error = {
    code: 'died',
    message: `restore --into ${journal.project} died (its process, pid ${journal.process.pid}, was gone); what it had made was removed`,
  };
  if (isClean) {
    const died = new StackBackupError('internal', error.message);
    const record = { ...intoRecord(journal, { thrown: died }, context.clock), error };
    await appendHistory(found.backups, record);
    await removeJournal(found.path);
  }
  return {
    version: 1,
    run: journal.id,
    instance: journal.instance,
    project: journal.project,
    snapshot: journal.snapshot,
    type: journal.type,
    tags: {},
    started: journal.started,
    finished: finished.toISOString(),
    outcome: 'failed',
    error,
    bytes: 0,
    files: 0,
    downtimeMs: 0,
    windowMs: 0,
    totalMs: Math.max(0, finished.getTime() - Date.parse(journal.started)),
    down: [],
    warnings,
  };
};
