import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
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

/** In the same folder, for its user: the last that is made before the services are. */
export const composeFile = 'compose.yaml';

/** The mark is the first thing a run makes, and goes when the project is complete: it is its user's from then on. */
const isUnfinished = async (folder: string, run: string): Promise<boolean> =>
  (await readFile(join(folder, markName), 'utf8').catch(() => undefined)) === run;

/**
 * Removes what was made of a project that was not there before: containers, networks, volumes, its folder; the
 * mark with that, last. Nothing of one that this run did not begin, or that is complete: then it says so with false.
 */
export const removeProject = async (
  engine: Engine,
  project: string,
  folder: string,
  run: string,
): Promise<boolean> => {
  if (!(await isUnfinished(folder, run))) return false;
  await engine.removeLabelled(`${composeLabel.project}=${project}`);
  await removeTree(folder);
  return true;
};

/** How a copy was found whose run is gone. */
type Left = 'removed' | 'complete' | 'nothing' | 'not removed';

const words: Readonly<Record<Left, string>> = {
  removed: 'what it had made was removed',
  complete: 'its copy was complete, and stays',
  nothing: 'it had made nothing yet',
  'not removed': 'what it had made could not all be removed',
};

/** A journal that somebody else can write is not followed: it says what is removed. */
const clear = async ({ journal, isOurs }: Found, engine: Engine): Promise<Left> => {
  const { id, project, into } = journal;
  const folder = into?.folder ?? '';
  if (!isOurs)
    throw new StackBackupError(
      'services-down',
      `the journal of ${id} belongs to another user, or others may write to it: that user has to recover it`,
    );
  if (await removeProject(engine, project, folder, id)) return 'removed';
  return existsSync(join(folder, composeFile)) ? 'complete' : 'nothing';
};

/** The history, in the words of one that came to its end or did not; the journal goes with that. */
const tell = async ({ backups, path, journal }: Found, left: Left, error: Died, clock: Clock) => {
  const died = { ...intoRecord(journal, { thrown: new StackBackupError('internal', '') }, clock), error };
  const complete = intoRecord(journal, { problems: [error.message] }, clock);
  await appendHistory(backups, left === 'complete' ? complete : died);
  await removeJournal(path);
};

type Died = NonNullable<RunRecord['error']>;

/** Removes what a dead `restore --into` has left of its copy. The original was never touched. */
export const recoverInto = async (found: Found, tools: RecoveryTools): Promise<RunRecord> => {
  const { journal } = found;
  let left: Left = 'not removed';
  const { context, warnings, isClean } = await recoverRun(journal, tools, {
    also: async (engine) => {
      left = await clear(found, engine);
    },
  });
  const finished = context.clock.now();
  const error = {
    code: 'died',
    message: `restore --into ${journal.project} died (its process, pid ${journal.process.pid}, was gone); ${words[left]}`,
  };
  if (isClean) await tell(found, left, error, context.clock);
  const isComplete = (left as Left) === 'complete';
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
    outcome: isComplete ? 'complete-with-warnings' : 'failed',
    ...(isComplete ? {} : { error }),
    bytes: 0,
    files: 0,
    downtimeMs: 0,
    windowMs: 0,
    totalMs: Math.max(0, finished.getTime() - Date.parse(journal.started)),
    down: [],
    warnings,
  };
};
