import { isLocked } from '../base/lock.ts';
import { printable } from '../base/text/printable.ts';
import { planToJson } from '../plan/json.ts';
import { renderPlan } from '../plan/render.ts';
import { lockOf } from '../run/lock.ts';
import { preflight } from '../run/stages/preflight.ts';
import type { BackupFlags } from './backup.ts';
import { backupsFolders } from './session/backups.ts';
import { glanceForDead, recoverFirst, tellOfDead } from './session/dead-runs.ts';
import { plannedBackup } from './session/planned.ts';
import { instancesOf, openSession, printJson, type Session, type World } from './session/session.ts';

/**
 * What a run that died has left down: `plan` finishes it first, as a backup would. A dry run that starts services
 * would be none: it is told, and the plan is of what is there now. Resolves with the projects of those that are left.
 */
const lookedAfter = async (session: Session, isDryRun: boolean): Promise<readonly string[]> => {
  const folders = await backupsFolders(session.world);
  if (!isDryRun) await recoverFirst(session, folders, false);
  const { dead } = isDryRun ? await tellOfDead(session.world, folders) : await glanceForDead(folders);
  return dead.map(({ journal }) => journal.project);
};

/**
 * `stack-backup plan <instance>…` and `--dry-run`: what a backup with these flags would do, and that its checks
 * pass. Of its own it changes nothing and writes nothing.
 */
export const plan = async (
  world: World,
  names: readonly string[],
  { all, overrides, isDryRun }: Pick<BackupFlags, 'all' | 'overrides'> & { readonly isDryRun: boolean },
): Promise<number> => {
  const session = await openSession(world);
  const left = await lookedAfter(session, isDryRun);
  world.signal.throwIfAborted();
  for (const instance of await instancesOf(session, names, all, left)) {
    if (await isLocked(lockOf(session.info.id, instance.project)))
      world.stderr.write(
        `stack-backup: another run is at work on ${printable(instance.name)}: what it has stopped is shown as not running\n`,
      );
    const found = await plannedBackup(session, { ...instance, ...overrides });
    if (!world.flags.json)
      world.stdout.write(
        renderPlan(found, {
          color: world.flags.color && world.stdout.isTTY,
          width: world.stdout.columns ?? 80,
        }),
      );
    const context = {
      engine: session.engine,
      local: session.info.local,
      clock: world.clock,
      signal: world.signal,
    };
    await preflight({ ...context, emit: () => undefined, warn: () => undefined }, found);
    // A person sees what the failed check is about; a machine gets either the plan or the error.
    if (world.flags.json) printJson(world, planToJson(found));
  }
  return 0;
};
