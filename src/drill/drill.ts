import { randomBytes } from 'node:crypto';
import { asStackBackupError, messageOf, StackBackupError } from '../base/errors.ts';
import { acquireLock } from '../base/lock.ts';
import { drillLabel, labelOfDrill } from '../run/drill/label.ts';
import { appendHistory } from '../run/history.ts';
import type { JournalFile } from '../run/journal.ts';
import { lockOf } from '../run/lock.ts';
import { filesCheck } from './checks/files.ts';
import { sqliteChecks } from './checks/sqlite.ts';
import { letIn } from './data/postgres.ts';
import { restoreData } from './data/restore.ts';
import { makeVolumes } from './data/volumes.ts';
import { disguiseOf } from './model/secrets.ts';
import { sandboxModel } from './model/transform.ts';
import type { Fields } from './model/types.ts';
import type { Secrecy } from './plan/extras.ts';
import { type Prepared, prepare } from './plan/prepare.ts';
import { assertWhole } from './plan/whole.ts';
import { endOf } from './report/record.ts';
import { addToRunbook, runbookEntry } from './report/runbook.ts';
import { newDrill, openDrill } from './sandbox/open.ts';
import { removeSandbox } from './sandbox/remove.ts';
import { Stopwatch } from './sandbox/stopwatch.ts';
import { startAll } from './start.ts';
import type { Drill, DrillEnd, DrillTask, DrillTools, Measures } from './task.ts';

/** Looks at what was put back before any service has it: afterwards it is theirs. */
const lookAtData = async (
  drill: Drill,
  { data }: Prepared,
  paths: ReadonlyMap<string, string>,
): Promise<void> => {
  for (const restore of data.restores) {
    const { to } = restore;
    const path = to.kind === 'file' ? to.path : paths.get(to.name);
    if (path === undefined) continue;
    drill.checks.push(await filesCheck(restore, path, drill.tools.signal));
    if (to.kind === 'volume') drill.checks.push(...(await sqliteChecks(restore, path, drill)));
  }
  if (data.restores.some(({ to }) => to.kind === 'volume' && !paths.has(to.name)))
    drill.observations.push(
      'volumes are out of reach from here: their files were not counted, and a restored PostgreSQL keeps its passwords',
    );
};

const modelFor = (drill: Drill, { services, data }: Prepared, { allowed, key }: Secrecy): Fields => {
  const { source, settings } = drill.task;
  return sandboxModel({
    project: drill.id,
    label: { key: drillLabel, value: drill.id },
    model: source.model,
    services,
    mounts: data.mounts,
    environment: settings.environment,
    disguise: disguiseOf(source.model, allowed, key),
  });
};

/** Everything between the journal and the removal. What it has measured stands in `measures` also when it fails. */
const work = async (drill: Drill, journal: JournalFile, measures: Measures): Promise<void> => {
  const { source, settings } = drill.task;
  const allowed = source.isTrusted ? settings.secrets : 'none';
  const secrecy: Secrecy = { allowed, key: randomBytes(32) };
  const prepared = await prepare(drill, secrecy);
  const { data, services } = prepared;
  drill.tools.say('reading what is not put back');
  await assertWhole(drill, data);
  const watch = new Stopwatch(drill.tools.clock, drill.tick);
  await journal.enter('restoring');
  const paths = await makeVolumes(drill, data);
  await restoreData(drill, data, paths);
  measures.bytes = data.restores.reduce((sum, { mount }) => sum + mount.bytes, 0);
  measures.files = data.restores.reduce((sum, { mount }) => sum + mount.files, 0);
  measures.restoredMs = watch.ms;
  await watch.beside(() => lookAtData(drill, prepared, paths));
  for (const path of paths.values()) await letIn(path);
  await journal.enter('starting');
  const model = modelFor(drill, prepared, secrecy);
  const names = services.map(({ name }) => name);
  const { loadedMs, healthyMs } = await startAll({ drill, model, services: names, paths, watch });
  if (drill.task.data === 'dumps') measures.restoredMs = loadedMs;
  if (healthyMs !== undefined) measures.healthyMs = healthyMs;
};

const workOf = async (
  drill: Drill,
  journal: JournalFile,
  measures: Measures,
): Promise<StackBackupError | undefined> => {
  try {
    await work(drill, journal, measures);
    return undefined;
  } catch (thrown) {
    const { signal } = drill.tools;
    return asStackBackupError(signal.aborted ? signal.reason : thrown);
  }
};

/** Removes what the drill has made. Not under the signal that ended the drill: that is what it is for. */
const removed = async ({ tools, task, id }: Drill): Promise<StackBackupError | undefined> => {
  try {
    tools.say('removing the sandbox');
    await removeSandbox(tools.engine, task.backups, id);
    return undefined;
  } catch (cause) {
    return new StackBackupError('engine-failed', `what the drill ${id} had made could not all be removed`, {
      cause,
      next: `\`stack-backup recover\` tries again; it carries the label ${labelOfDrill(id)}.`,
    });
  }
};

/** A drill that cannot be remembered is none the worse for that, but somebody has to hear of it. */
const tell = async ({ task, tools }: Drill, { record, checks }: DrillEnd): Promise<void> => {
  const { runbook, manual } = task.settings;
  const noted = async (what: string, note: () => Promise<void>): Promise<void> => {
    await note().catch((error: unknown) =>
      tools.say(`this drill is not in the ${what}: ${messageOf(error)}`),
    );
  };
  await noted('history', () => appendHistory(task.backups, record));
  if (runbook !== undefined && record.outcome !== 'interrupted')
    await noted('runbook', () => addToRunbook(runbook, runbookEntry(record, checks, manual)));
};

/**
 * Puts a snapshot back into a closed sandbox, looks at it, tells history and runbook, and removes everything
 * again, however it ended. Nothing of the original is touched, and nothing in the sandbox reaches it. How it
 * ended is in the answer; rejects (`backups-unusable`) only when it cannot even begin.
 */
export const runDrill = async (task: DrillTask, tools: DrillTools): Promise<DrillEnd> => {
  const drill = newDrill(task, tools);
  await using lock = await acquireLock(lockOf(tools.info.id, drill.id), task.instance, drill.started);
  lock.describe('a drill');
  const journal = await openDrill(drill);
  const measures: Measures = { bytes: 0, files: 0 };
  const error = await workOf(drill, journal, measures);
  const isKept = task.keep && error?.code !== 'interrupted' && measures.restoredMs !== undefined;
  const left = isKept ? undefined : await removed(drill);
  if (error !== undefined && left !== undefined) drill.observations.push(`${left.message}; ${left.next}`);
  const end = endOf(drill, measures, error ?? left, isKept);
  await tell(drill, end);
  if (left === undefined) await journal.close();
  else await journal.leave('failed', [], 'cleaning-up');
  return end;
};
