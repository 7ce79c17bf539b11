import { isLocked } from '../base/lock.ts';
import { printable } from '../base/text/printable.ts';
import { planToJson } from '../plan/json.ts';
import { renderPlan } from '../plan/render.ts';
import { lockOf } from '../run/lock.ts';
import { preflight } from '../run/stages/preflight.ts';
import type { BackupFlags } from './backup.ts';
import { backupsFolders } from './session/backups.ts';
import { tellOfDead } from './session/dead-runs.ts';
import { plannedBackup } from './session/planned.ts';
import { instancesOf, openSession, printJson, type World } from './session/session.ts';

/**
 * `stack-backup plan <instance>…` and `--dry-run`: what a backup with these flags would do, and that its checks
 * pass.
 * Changes nothing, writes nothing: what a run that died has left down is told, with the command that brings it
 * back, and the plan is of what is there now. A dry run that starts services would be none.
 */
export const plan = async (
  world: World,
  names: readonly string[],
  { all, overrides }: Pick<BackupFlags, 'all' | 'overrides'>,
): Promise<number> => {
  const session = await openSession(world);
  const { dead } = await tellOfDead(world, await backupsFolders(world));
  const left = dead.map(({ journal }) => journal.project);
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
