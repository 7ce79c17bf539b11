import { StackBackupError } from '../../base/errors.ts';
import { readers } from '../../copy/readers.ts';
import { verifySnapshot } from '../../snapshot/verify.ts';
import type { World } from '../session/session.ts';

/**
 * Nothing is put back from a snapshot that is not whole. Resolves with when the look at it began, ns since 1970,
 * by the clock that gives files their times. Rejects with `verify-failed`.
 */
export const assertWhole = async (world: World, folder: string): Promise<bigint> => {
  const since = BigInt(Date.now()) * 1_000_000n;
  const { ok, problems } = await verifySnapshot(folder, { readers, signal: world.signal });
  if (ok) return since;
  const told = problems.slice(0, 5).map(({ kind, path, message }) => `${kind}: ${path}: ${message}`);
  const more = problems.length > 5 ? `; and ${problems.length - 5} more` : '';
  throw new StackBackupError('verify-failed', `${folder} is not whole: ${told.join('; ')}${more}`, {
    next: 'Restore another snapshot. If there is none, --no-verify restores what is left of this one.',
  });
};
