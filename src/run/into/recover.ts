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

/** The mark is the first thing a run makes, and goes when the project is complete: it is its user's from then on. */
const isUnfinished = async (folder: string, run: string): Promise<boolean> =>
  (await readFile(join(folder, markName), 'utf8').catch(() => undefined)) === run;

/**
 * Removes what was made of a project that was not there before: containers, networks, volumes, its folder; the
 * mark with that, last. Nothing of one that this run did not begin, or that is complete.
 */
export const removeProject = async (
  engine: Engine,
  project: string,
  folder: string,
  run: string,
): Promise<void> => {
  if (!(await isUnfinished(folder, run))) return;
  await engine.removeLabelled(`${composeLabel.project}=${project}`);
  await removeTree(folder);
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
