import type { Duration } from '../../base/duration.ts';
import { StackBackupError } from '../../base/errors.ts';
import { type ResolvedSnapshot, resolveSnapshot } from '../../catalog/reference.ts';
import type { Instance } from '../../config/types.ts';
import type { RestoreChoice } from '../../plan/restore/types.ts';
import { backupsFolders } from '../session/backups.ts';
import { instancesOf, type Session } from '../session/session.ts';
import { tellOfUnreadable } from '../session/unreadable.ts';
import { undoOf } from './undo.ts';

export interface RestoreFlags {
  readonly choice: RestoreChoice;
  readonly dryRun: boolean;
  readonly undo: boolean;
  readonly yes: boolean;
  /** Read the whole snapshot first. */
  readonly verify: boolean;
  /** How long another run on the project is waited for, ms. 0 = not at all. */
  readonly wait: Duration;
}

/** What is restored, and into what. */
export interface Meant {
  readonly instance: Instance;
  readonly snapshot: Pick<ResolvedSnapshot, 'folder' | 'manifest'>;
  readonly choice: RestoreChoice;
  /** Volumes that stay although they were not there before: of an undo. */
  readonly made: readonly string[];
}

/** The instance of a name, also when nothing of its project is left on the engine. */
const instanceOf = async (session: Session, name: string, project: string): Promise<Instance> => {
  const isNamed = session.config !== undefined && name in (session.config.raw.instances ?? {});
  const [instance] = await instancesOf(session, [isNamed ? name : project], false, [project]);
  if (instance === undefined) throw new StackBackupError('instance-unknown', `there is no instance ${name}`);
  return instance;
};

const meantSnapshot = async (session: Session, reference: string, flags: RestoreFlags): Promise<Meant> => {
  const { world } = session;
  const backups = await backupsFolders(world);
  const snapshot = await resolveSnapshot(reference, { backups, cwd: world.cwd });
  tellOfUnreadable(world, snapshot.unreadable);
  const { instance: name, project } = snapshot.manifest;
  return { instance: await instanceOf(session, name, project), snapshot, choice: flags.choice, made: [] };
};

const meantUndo = async (session: Session, name: string, flags: RestoreFlags): Promise<Meant> => {
  const instance = await instanceOf(session, name, name);
  const { folder, manifest, choice, made } = await undoOf(instance);
  return { instance, snapshot: { folder, manifest }, choice: { ...flags.choice, ...choice }, made };
};

/** What a reference and the flags mean. */
export const meantBy = (session: Session, reference: string, flags: RestoreFlags): Promise<Meant> =>
  flags.undo ? meantUndo(session, reference, flags) : meantSnapshot(session, reference, flags);
