import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { printable } from '../../base/text/printable.ts';
import { type HistoryRecord, readRecords } from '../../catalog/history.ts';
import type { Sample, VerifyRecord } from '../../catalog/verified.ts';
import { appendHistory } from '../../run/history.ts';
import { historyPath, parseSnapshotName } from '../../snapshot/layout.ts';
import type { Verification } from '../../snapshot/verify.ts';
import type { World } from '../session/session.ts';

const dayMs = 86_400_000;

/**
 * The share that is to be read now. Shares are equal, and no smaller than what was asked for: 40% is a half. It is
 * the one after that of the last time, where the history knows of one; else that of the day, so that runs without a
 * history come round as well.
 */
export const nextSample = async (world: World, folder: string, percent: number): Promise<Sample> => {
  const of = Math.max(1, Math.floor(100 / percent));
  const records = await readRecords(dirname(folder)).catch((): readonly HistoryRecord[] => []);
  const last = records.findLast(
    (record): record is VerifyRecord & { readonly sample: Sample } =>
      record.kind === 'verify' && record.snapshot === basename(folder) && record.sample?.of === of,
  );
  const today = Math.floor(world.clock.now().getTime() / dayMs);
  return { percent, part: last === undefined ? today % of : (last.sample.part + 1) % of, of };
};

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** So many problems stand in the history: the whole list is for whoever verifies again. */
const told = 10;

interface Verified {
  readonly started: Date;
  readonly totalMs: number;
  readonly result: Verification;
  readonly sample: Sample | undefined;
}

/**
 * Adds the result to the history of the backups folder that the snapshot lies in. A snapshot that was carried
 * elsewhere has none there, and gets none. When it cannot be written, the result holds all the same.
 */
export const remember = async (
  world: World,
  folder: string,
  { started, totalMs, result, sample }: Verified,
): Promise<void> => {
  const backups = dirname(folder);
  const snapshot = basename(folder);
  const instance = parseSnapshotName(snapshot)?.instance;
  if (instance === undefined || !(await isThere(dirname(historyPath(backups))))) return;
  const record: VerifyRecord = {
    version: 1,
    kind: 'verify',
    instance,
    snapshot,
    path: folder,
    started: started.toISOString(),
    finished: world.clock.now().toISOString(),
    outcome: result.ok ? 'whole' : 'damaged',
    ...(sample && { sample }),
    files: result.files,
    bytes: result.bytes,
    problems: result.count,
    first: result.problems.slice(0, told),
    unchecked: result.unchecked.length,
    totalMs: Math.round(totalMs),
  };
  try {
    await appendHistory(backups, record);
  } catch (thrown) {
    world.stderr.write(`stack-backup: the history does not have it: ${printable(messageOf(thrown))}\n`);
  }
};
