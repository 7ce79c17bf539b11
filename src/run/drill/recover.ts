import { dirname } from 'node:path';
import { appendHistory } from '../history.ts';
import { removeJournal } from '../journal.ts';
import type { RunRecord } from '../record.ts';
import type { Found } from '../recovery/journals.ts';
import { type Recovered, type RecoveryTools, recoverRun } from '../recovery/recover.ts';
import { labelOfDrill } from './label.ts';
import type { DrillRecord } from './record.ts';

const errorOf = ({ journal }: Found, isClean: boolean) => ({
  code: 'died',
  message: `the drill died in phase ${journal.phase} (its process, pid ${journal.process.pid}, was gone); what it had made ${isClean ? 'was' : 'could not all be'} removed`,
});

const lineOf = (found: Found, finished: Date): DrillRecord => {
  const { journal } = found;
  const { drill } = journal;
  return {
    version: 1,
    kind: 'drill',
    run: journal.id,
    instance: journal.instance,
    project: journal.project,
    snapshot: journal.snapshot,
    path: drill?.path ?? '',
    ...(drill !== undefined && dirname(drill.path) !== found.backups ? { elsewhere: true as const } : {}),
    data: drill?.data ?? 'files',
    by: drill?.by ?? '',
    started: journal.started,
    finished: finished.toISOString(),
    outcome: 'failed',
    error: errorOf(found, true),
    checks: { passed: 0, failed: 0 },
    failures: [],
    ageMs: drill?.ageMs ?? 0,
    totalMs: Math.max(0, finished.getTime() - Date.parse(journal.started)),
    bytes: 0,
    files: 0,
    observations: [],
  };
};

/** The same in the words of a run, for whoever recovers. */
const recordOf = (
  found: Found,
  line: DrillRecord,
  { warnings, isClean }: Pick<Recovered, 'warnings' | 'isClean'>,
): RunRecord => ({
  version: 1,
  run: line.run,
  instance: line.instance,
  project: line.project,
  snapshot: line.snapshot,
  type: found.journal.type,
  tags: {},
  started: line.started,
  finished: line.finished,
  outcome: 'failed',
  error: errorOf(found, isClean),
  bytes: 0,
  files: 0,
  downtimeMs: 0,
  windowMs: 0,
  totalMs: line.totalMs,
  down: [],
  warnings,
});

/**
 * Removes the sandbox that a dead drill has left, with its folder, and tells the history. Nothing of the
 * original is touched. What cannot be removed keeps the journal: the next recovery tries again.
 */
export const recoverDrill = async (found: Found, tools: RecoveryTools): Promise<RunRecord> => {
  const { journal } = found;
  const { context, warnings, isClean } = await recoverRun(journal, tools, {
    also: (engine) => engine.removeLabelled(labelOfDrill(journal.id)),
  });
  const line = lineOf(found, context.clock.now());
  if (isClean) {
    // One that came to its end has told of it, and only could not remove everything.
    if (journal.told === undefined) await appendHistory(found.backups, line);
    await removeJournal(found.path);
  }
  return recordOf(found, line, { warnings, isClean });
};
