import { randomBytes } from 'node:crypto';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { diskTrouble } from '../../base/disk/trouble.ts';
import { makeFolderIn, makePrivateDirectory } from '../../base/disk.ts';
import { messageOf, StackBackupError } from '../../base/errors.ts';
import { type JournalFile, openJournal, removeJournal } from '../../run/journal.ts';
import { runVariable } from '../../run/recovery/orphans.ts';
import { journalPath, journalsPath, temporariesPath, temporaryPath } from '../../snapshot/layout.ts';
import type { Drill, DrillTask, DrillTools } from '../task.ts';

/** A name that came with a snapshot, as part of a project's name. */
const harmless = (name: string): string => (/^[a-z0-9][a-z0-9_-]*$/.test(name) ? name.slice(0, 40) : 'stack');

/** Names a drill. Nothing is written yet. */
export const newDrill = (task: DrillTask, tools: DrillTools): Drill => {
  const id = `drill-${harmless(task.instance)}-${randomBytes(4).toString('hex')}`;
  return {
    id,
    scratch: join(temporaryPath(task.backups, id), 'files'),
    task,
    tools,
    started: tools.clock.now(),
    tick: tools.clock.tick(),
    observations: [...task.source.observations],
    checks: [],
  };
};

/** Age of the data when the drill began, ms. */
export const ageOf = ({ task, started }: Drill): number =>
  Math.max(0, started.getTime() - Date.parse(task.manifest.consistent));

/** The first thing a drill writes: its journal, so that whoever finds it can remove what the drill makes. */
const journalOf = (drill: Drill): Promise<JournalFile> => {
  const { task, tools, id } = drill;
  return openJournal(journalPath(task.backups, id), {
    version: 1,
    kind: 'drill',
    drill: { path: task.folder, data: task.data, by: tools.by, ageMs: ageOf(drill) },
    id,
    instance: task.instance,
    project: id,
    snapshot: task.manifest.snapshot,
    type: 'manual',
    engine: { id: tools.info.id, endpoint: tools.engine.endpoint },
    started: drill.started.toISOString(),
    phase: 'checking',
    folder: temporaryPath(task.backups, id),
    containers: [],
    wayBack: { needs: [], awaited: [], known: [], healthMs: 0 },
  });
};

/** Makes the journal and the folders of a drill, or nothing. Rejects with `space-short` or `backups-unusable`. */
export const openDrill = async (drill: Drill): Promise<JournalFile> => {
  const { backups } = drill.task;
  const folder = temporaryPath(backups, drill.id);
  try {
    for (const path of [backups, journalsPath(backups), temporariesPath(backups)])
      await makePrivateDirectory(path);
    process.env[runVariable] = drill.id; // children inherit it: a recovery finds those that outlive the drill
    const journal = await journalOf(drill);
    await makeFolderIn(folder);
    await makeFolderIn(drill.scratch);
    return journal;
  } catch (cause) {
    // Nothing has been made yet: what there is of journal and folders is left to nobody.
    for (const path of [drill.scratch, folder]) await rmdir(path).catch(() => undefined);
    await removeJournal(journalPath(backups, drill.id)).catch(() => undefined);
    throw (
      (await diskTrouble(cause, backups)) ??
      new StackBackupError('backups-unusable', `cannot write to ${backups}: ${messageOf(cause)}`, {
        cause,
        next: `Look at the permissions of ${backups}, or choose another folder with --backups.`,
      })
    );
  }
};
