import { isInside } from '../../base/disk.ts';
import { StackBackupError } from '../../base/errors.ts';
import { drillsOf, isDue } from '../../catalog/drilled.ts';
import { resolveSnapshot } from '../../catalog/reference.ts';
import { instanceFromRunning, processTimezone, resolveInstances } from '../../config/resolve.ts';
import type { Instance } from '../../config/types.ts';
import type { Manifest } from '../../snapshot/types.ts';
import { backupsFolders } from '../session/backups.ts';
import type { Session } from '../session/session.ts';
import { tellOfUnreadable } from '../session/unreadable.ts';

/** A snapshot to drill, and the instance whose settings count. */
export interface DrillTarget {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly instance: Instance;
  /** It lies in a backups folder of this configuration: it was not brought from elsewhere. */
  readonly isOwn: boolean;
}

/** The instance that a snapshot is of: as the configuration has it, else with every default. */
const instanceOf = async (
  { world, config }: Session,
  manifest: Manifest,
  backups: string,
): Promise<Instance> => {
  const known = Object.hasOwn(config?.raw.instances ?? {}, manifest.instance);
  if (config !== undefined && known) {
    const override = world.flags.backups === undefined ? {} : { backups };
    const [instance] = await resolveInstances(config, [manifest.instance], { env: world.env, ...override });
    if (instance !== undefined) return instance;
  }
  const running = instanceFromRunning(manifest.project, backups, processTimezone(world.env));
  return { ...running, name: manifest.instance };
};

const targetOf = async (
  session: Session,
  reference: string,
  folders: readonly string[],
): Promise<DrillTarget> => {
  const { world } = session;
  const { folder, manifest, unreadable } = await resolveSnapshot(reference, {
    backups: folders,
    cwd: world.cwd,
  });
  tellOfUnreadable(world, unreadable);
  const homes = await Promise.all(folders.map((home) => isInside(folder, home)));
  const home = folders.find((_, at) => homes[at]);
  const backups = home ?? folders[0] ?? folder;
  const instance = await instanceOf(session, manifest, backups);
  return { folder, manifest, instance: { ...instance, backups }, isOwn: home !== undefined };
};

/**
 * Names of all instances of the configuration, those alone whose last good drill is too old with `due`. Rejects
 * with `usage` when there are none.
 */
export const allInstances = async ({ world, config }: Session, due: boolean): Promise<readonly string[]> => {
  const names = Object.keys(config?.raw.instances ?? {});
  if (names.length === 0)
    throw new StackBackupError('usage', 'the configuration has no instance at all', {
      next: 'Name a snapshot, or write a configuration: `stack-backup init <project>`.',
    });
  if (config === undefined || !due) return names;
  const instances = await resolveInstances(config, names, { env: world.env });
  const folders = await backupsFolders(world);
  const now = world.clock.now();
  const isOld = await Promise.all(
    instances.map(async ({ name, drill }) => {
      const drills = await Promise.all(folders.map((folder) => drillsOf(folder, name)));
      return isDue(drills.flat(), drill.every, now);
    }),
  );
  return names.filter((_, at) => isOld[at]);
};

/** What each of these references means: a snapshot's name or path, an instance, `<instance>@<moment or tag>`. */
export const targetsOf = async (
  session: Session,
  references: readonly string[],
): Promise<readonly DrillTarget[]> => {
  const folders = await backupsFolders(session.world);
  const found: DrillTarget[] = [];
  for (const reference of references) found.push(await targetOf(session, reference, folders));
  return found;
};
