import { join } from 'node:path';
import { StackBackupError } from '../../base/errors.ts';
import { readHistory } from '../../catalog/history.ts';
import type { Instance } from '../../config/types.ts';
import type { RestoreChoice } from '../../plan/restore/types.ts';
import { readManifest } from '../../snapshot/manifest.ts';
import type { Manifest } from '../../snapshot/types.ts';

/** What puts back what a restore has overwritten. */
export interface Undo {
  /** Absolute path of the safety snapshot. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly choice: Pick<RestoreChoice, 'services' | 'volumes' | 'paths'>;
  /** Volumes that the restore had made: there is nothing to put back into them. */
  readonly made: readonly string[];
}

/** Paths that are text; undefined when one is not: then all of the mount is put back. */
const asText = (paths: readonly string[]): readonly string[] | undefined => {
  const decoded = paths.map((path) => Buffer.from(path, 'base64'));
  const texts = decoded.map(String);
  return texts.every((text, at) => decoded[at]?.equals(Buffer.from(text))) ? texts : undefined;
};

/**
 * The way back from the last restore of an instance: its safety snapshot. An undo is a restore, too, so that
 * it can be undone. Rejects with `snapshot-unknown` when there is none.
 */
export const undoOf = async ({ name, backups }: Instance): Promise<Undo> => {
  const restores = (await readHistory(backups)).filter(
    ({ kind, instance, restore }) => kind === 'restore' && instance === name && restore?.data === 'restored',
  );
  const last = restores.at(-1)?.restore;
  if (last === undefined)
    throw new StackBackupError('snapshot-unknown', `the history has no restore of ${name} to be undone`, {
      next: `Restore another snapshot instead: \`stack-backup list ${name}\`.`,
    });
  if (last.safety === undefined)
    throw new StackBackupError(
      'snapshot-unknown',
      `the last restore of ${name} (of ${last.from}) kept nothing of what was there before: no safety snapshot`,
      { next: `Restore another snapshot instead: \`stack-backup list ${name}\`.` },
    );
  const folder = join(backups, last.safety);
  const isOne = last.mounts.length === 1;
  return {
    folder,
    manifest: await readManifest(folder),
    choice: {
      services: [],
      volumes: last.mounts.filter((mount) => !last.created.includes(mount)),
      paths: isOne ? (asText(last.paths ?? []) ?? []) : [],
    },
    made: last.created,
  };
};
