import { isInside } from '../../base/disk.ts';
import { StackBackupError } from '../../base/errors.ts';
import type { IntoPlan } from '../../plan/into/types.ts';

/**
 * Whether anybody may have written the compose files: they are none that somebody named, and come with a snapshot
 * that lies in no backups folder of the configuration.
 */
export const isForeign = async (
  snapshot: string,
  composeFiles: readonly string[],
  backups: readonly string[],
): Promise<boolean> => {
  if (composeFiles.length > 0) return false;
  for (const folder of backups) if (await isInside(snapshot, folder)) return false;
  return true;
};

/** Where nobody is asked, services of a foreign snapshot get nothing of this machine. Throws `restore-refused`. */
export const assertAllowed = ({ asks }: IntoPlan): void => {
  if (asks.length === 0) return;
  throw new StackBackupError(
    'restore-refused',
    `the snapshot lies in no backups folder of this configuration, and asks for what is this machine's: ${asks.join('; ')}`,
    {
      next: 'Give it that with --allow-host, or name compose files that do not ask for it with --compose-file.',
    },
  );
};
