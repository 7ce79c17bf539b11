import { latestOf, readCatalog } from '../../catalog/catalog.ts';
import type { Instance } from '../../config/types.ts';
import type { TreeSize } from '../../copy/types.ts';
import { measure } from '../../copy/walk.ts';
import { type Experience, planBackup } from '../../plan/backup.ts';
import type { BackupPlan } from '../../plan/types.ts';
import { observeStack } from '../../stack/observe.ts';
import type { Session } from './session.ts';

/** What the newest snapshot of the instance cost. An unreadable catalog is no reason not to back up. */
const experienceOf = async (instance: Instance): Promise<Experience | undefined> => {
  const catalog = await readCatalog(instance.backups).catch(() => []);
  const manifest = latestOf(catalog, instance.name)?.manifest;
  if (manifest === undefined) return undefined;
  const { maxMs, windowMs } = manifest.downtime;
  return { downtimeMs: maxMs, windowMs, bytes: manifest.totals.bytes };
};

/** Sizes of what will be copied from the host, one walk after the other: the services are at work meanwhile. */
const sizesOf = async (plan: BackupPlan, signal: AbortSignal): Promise<ReadonlyMap<string, TreeSize>> => {
  const sizes = new Map<string, TreeSize>();
  for (const { mount } of plan.copies)
    if (mount.onHost) sizes.set(mount.name, await measure(mount.source, signal));
  return sizes;
};

/** observe → decide → measure → plan. Nothing is changed, nothing is written. */
export const plannedBackup = async (session: Session, instance: Instance): Promise<BackupPlan> => {
  const stack = await observeStack(session.engine, instance);
  const rough = planBackup(instance, stack, new Map());
  const sizes = await sizesOf(rough, session.world.signal);
  return planBackup(instance, stack, sizes, await experienceOf(instance));
};
