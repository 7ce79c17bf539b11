import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { newestOf } from '../../catalog/catalog.ts';
import type { Instance } from '../../config/types.ts';
import { tellsChanges } from '../../copy/changes/stamp.ts';
import type { Measured } from '../../copy/types.ts';
import { measure } from '../../copy/walk.ts';
import { type Experience, planBackup } from '../../plan/backup.ts';
import type { BackupPlan } from '../../plan/types.ts';
import type { Manifest } from '../../snapshot/types.ts';
import { observeStack } from '../../stack/observe.ts';
import type { Session } from './session.ts';

/** The copies of a snapshot that files can be shared with. */
const basesOf = (folder: string, manifest: Manifest): NonNullable<Experience['bases']> =>
  new Map(
    manifest.mounts.flatMap(({ name, form, method, settled, path, index, parts = [] }) =>
      method !== 'host' || settled === undefined
        ? []
        : [
            [
              name,
              {
                snapshot: manifest.snapshot,
                form,
                folder,
                path,
                parts,
                index: join(folder, index),
                settled: BigInt(settled),
              },
            ],
          ],
    ),
  );

/** What the newest snapshot of the instance cost, and left. An unreadable catalog is no reason not to back up. */
export const experienceOf = async (instance: Instance): Promise<Experience | undefined> => {
  const latest = await newestOf(instance.backups, instance.name).catch(() => undefined);
  if (latest?.manifest === undefined) return undefined;
  const { path, manifest } = latest;
  const { maxMs, windowMs, backMs } = manifest.downtime;
  return {
    downtimeMs: maxMs,
    windowMs,
    ...(backMs !== undefined && { backMs }),
    bytes: manifest.totals.bytes,
    bases: basesOf(path, manifest),
    warm: manifest.mounts.every(({ window }) => window !== undefined),
  };
};

/** Why a source cannot be copied while it is in use; undefined when it can. */
const whyCold = async (source: string): Promise<string | undefined> => {
  if (!(await stat(source)).isDirectory()) return 'it is a single file';
  if (!(await tellsChanges(source))) return 'the change times of its file system cannot be relied on';
  return undefined;
};

/** Sizes of what will be copied from the host, one walk after the other: the services are at work meanwhile. */
export const sizesOf = async (
  plan: Pick<BackupPlan, 'copies'>,
  bases: Experience['bases'],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Measured>> => {
  const sizes = new Map<string, Measured>();
  for (const { mount } of plan.copies) {
    if (!mount.onHost) continue;
    const since = bases?.get(mount.name)?.settled;
    const measured = await measure(mount.source, { signal, ...(since === undefined ? {} : { since }) });
    const cold = await whyCold(mount.source);
    sizes.set(mount.name, { ...measured, ...(cold === undefined ? {} : { cold }) });
  }
  return sizes;
};

/** observe → decide → measure → plan. Nothing is changed, nothing is written. */
export const plannedBackup = async (session: Session, instance: Instance): Promise<BackupPlan> => {
  const stack = await observeStack(session.engine, instance);
  const rough = planBackup(instance, stack, new Map());
  const before = await experienceOf(instance);
  const sizes = await sizesOf(rough, before?.bases, session.world.signal);
  return planBackup(instance, stack, sizes, before);
};
