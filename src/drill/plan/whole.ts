import { StackBackupError } from '../../base/errors.ts';
import { readers } from '../../copy/readers.ts';
import { verifySnapshot } from '../../snapshot/verify.ts';
import type { Drill } from '../task.ts';
import type { DataPlan } from './types.ts';

/** Told of them, at most. */
const most = 5;

/**
 * A snapshot that a restore would refuse is no good one, whatever comes up from it. What is put back is compared
 * with its index then; all else is read here, and all of it is looked at. Rejects with `verify-failed`.
 */
export const assertWhole = async ({ task, tools }: Drill, { restores }: DataPlan): Promise<void> => {
  const elsewhere = restores.flatMap(({ mount }) => mount.parts?.map(({ path }) => path) ?? [mount.path]);
  const readElsewhere = elsewhere.map((path) => Buffer.from(path));
  const { ok, problems } = await verifySnapshot(task.folder, {
    readers,
    readElsewhere,
    signal: tools.signal,
  });
  if (ok) return;
  const told = problems.slice(0, most).map(({ kind, path, message }) => `${kind}: ${path}: ${message}`);
  const more = problems.length > most ? `; and ${problems.length - most} more` : '';
  throw new StackBackupError('verify-failed', `the snapshot is not whole: ${told.join('; ')}${more}`, {
    next: 'Look at it with `stack-backup verify`, and use another snapshot or a replica.',
  });
};
