import { StackBackupError } from '../../base/errors.ts';
import { isLocked } from '../../base/lock.ts';
import { nearest } from '../../base/text/nearest.ts';
import { drillsOn, isDrillId } from '../../drill/kept.ts';
import { removeSandbox } from '../../drill/sandbox/remove.ts';
import { lockOf } from '../../run/lock.ts';
import type { Session } from '../session/session.ts';

const unknown = (id: string, there: readonly string[]): StackBackupError => {
  const like = nearest(id, there);
  return new StackBackupError('usage', `there is no kept sandbox ${id} on this engine`, {
    next:
      like !== undefined
        ? `Did you mean ${like}?`
        : there.length === 0
          ? 'No drill has left one.'
          : `There are: ${there.join(', ')}.`,
  });
};

/** Removes sandboxes that drills have left with `--keep`; all of them when none is named. One under way stays. */
export const removeKept = async (
  { engine, info }: Session,
  backups: readonly string[],
  ids: readonly string[],
): Promise<readonly string[]> => {
  const there = (await drillsOn(engine)).filter(isDrillId);
  const missing = ids.find((id) => !there.includes(id));
  if (missing !== undefined) throw unknown(missing, there);
  const removed: string[] = [];
  for (const id of ids.length === 0 ? there : ids) {
    if (await isLocked(lockOf(info.id, id))) {
      if (ids.length === 0) continue;
      throw new StackBackupError('locked', `the drill ${id} is under way`, {
        next: 'Wait for its end, or end it.',
      });
    }
    for (const folder of backups) await removeSandbox(engine, folder, id);
    removed.push(id);
  }
  return removed;
};
