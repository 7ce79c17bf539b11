import { StackBackupError } from '../../base/errors.ts';
import { readers } from '../../copy/readers.ts';
import { verifySnapshot } from '../../snapshot/verify.ts';
import type { World } from '../session/session.ts';

/** Nothing is put back from a snapshot that is not whole. Rejects with `verify-failed`. */
export const assertWhole = async (world: World, folder: string): Promise<void> => {
  const { ok, problems } = await verifySnapshot(folder, { readers, signal: world.signal });
  if (ok) return;
  const told = problems.slice(0, 5).map(({ kind, path, message }) => `${kind}: ${path}: ${message}`);
  const more = problems.length > 5 ? `; and ${problems.length - 5} more` : '';
  throw new StackBackupError('verify-failed', `${folder} is not whole: ${told.join('; ')}${more}`, {
    next: 'Restore another snapshot. If there is none, --no-verify restores what is left of this one.',
  });
};
