import { StackBackupError } from '../base/errors.ts';
import type { Emit } from '../base/events.ts';
import { acquireLock } from '../base/lock.ts';
import { chooseListener } from '../notify/choose.ts';
import { questionOf, renderRestore } from '../plan/restore/render.ts';
import type { RestorePlan } from '../plan/restore/types.ts';
import { lockOf } from '../run/lock.ts';
import type { RunRecord } from '../run/record.ts';
import { executeRestore } from '../run/restore/execute.ts';
import { composeLabel } from '../stack/labels.ts';
import { assertMayAsk, canAsk, confirm } from './restore/ask.ts';
import { tellPlan } from './restore/dry-run.ts';
import { lookAround, plannedRestore } from './restore/look.ts';
import { type Meant, meantBy, type RestoreFlags } from './restore/meant.ts';
import { assertWhole } from './restore/whole.ts';
import { backupsFolders } from './session/backups.ts';
import { recoverFirst, tellOfDead } from './session/dead-runs.ts';
import { worstCode } from './session/exit.ts';
import {
  assertWhole as assertDataWhole,
  codeOfOne,
  codesOf,
  emitTo,
  onInsisting,
} from './session/one-run.ts';
import { openSession, type Session, type World } from './session/session.ts';
import { toolsOf, underLock } from './session/under-lock.ts';

/** How long a safety snapshot is not to be removed, ms. */
const pinnedMs = 7 * 24 * 3_600_000;

const assertPossible = ({ refusals }: RestorePlan): void => {
  if (refusals.length === 0) return;
  throw new StackBackupError('restore-refused', refusals.join('\n'), {
    next: 'Nothing was touched. --dry-run shows the whole plan; --volume and --service restore a part.',
  });
};

/** Named here and asked for: whoever runs them may know nothing of this restore. */
const planned = async (session: Session, meant: Meant, yes: boolean): Promise<RestorePlan> => {
  const { instance, snapshot, choice } = meant;
  const facts = await lookAround(session, instance, snapshot.folder, snapshot.manifest);
  const plan = await plannedRestore(session, facts, choice);
  if (yes || choice.stopOthers || plan.others.length === 0 || !canAsk(session.world)) return plan;
  return plannedRestore(session, facts, { ...choice, stopOthers: true });
};

const pageOf = ({ flags, stdout }: World) => ({
  color: flags.color && stdout.isTTY,
  width: stdout.columns ?? 80,
});

const withWarnings = (plan: RestorePlan, flags: RestoreFlags, { made }: Meant): RestorePlan => ({
  ...plan,
  warnings: [
    ...plan.warnings,
    ...(flags.verify
      ? []
      : [
          {
            code: 'not-verified',
            message:
              'the snapshot was NOT read before (--no-verify): what is damaged in it is put back damaged',
          },
        ]),
    ...made.map((name) => ({
      code: 'not-restored',
      about: name,
      message: `${name} was not there before the restore that is undone: it stays`,
    })),
  ],
});

/** Other projects whose containers are stopped must not be backed up meanwhile. */
const locksOfOthers = async (session: Session, plan: RestorePlan): Promise<AsyncDisposableStack> => {
  const { world, info } = session;
  await using locks = new AsyncDisposableStack(); // one that cannot be had gives the others back
  const projects = plan.window.stack.containers.map(({ details }) => details.labels[composeLabel.project]);
  for (const project of [...new Set(projects)].sort())
    if (project !== undefined && project !== plan.window.stack.project)
      locks.use(await acquireLock(lockOf(info.id, project), project, world.clock.now()));
  return locks.move();
};

/** look → plan → ask → execute, under the lock of the project. */
const restoreOne = async (
  session: Session,
  meant: Meant,
  flags: RestoreFlags,
  emit: Emit,
): Promise<RunRecord> => {
  const { world } = session;
  const turn = { instance: meant.instance, wait: flags.wait, emit };
  return await underLock(session, turn, async (lock) => {
    lock.describe('restoring');
    const wholeSince = flags.verify ? await assertWhole(world, meant.snapshot.folder) : undefined;
    const plan = withWarnings(await planned(session, meant, flags.yes), flags, meant);
    assertPossible(plan);
    if (!flags.yes) {
      world.stderr.write(renderRestore(plan, pageOf(world)));
      await confirm(world, questionOf(plan));
    }
    await using _others = await locksOfOthers(session, plan);
    const options = { toolVersion: world.version, pinnedMs, wholeSince };
    return await executeRestore(plan, options, toolsOf(session, emit, lock));
  });
};

/** `--dry-run`: what would change, and what stands in the way. Nothing is touched; a dead run is told of. */
const dryRun = async (session: Session, reference: string, flags: RestoreFlags): Promise<number> => {
  const { world } = session;
  await tellOfDead(world, await backupsFolders(world));
  const meant = await meantBy(session, reference, flags);
  if (flags.verify) await assertWhole(world, meant.snapshot.folder);
  const plan = withWarnings(await planned(session, meant, flags.yes), flags, meant);
  await tellPlan(session, plan, pageOf(world));
  assertPossible(plan);
  return 0;
};

/**
 * `stack-backup restore <snapshot>`: puts data of a snapshot back into its stack. Resolves with the exit code:
 * 0 restored, 1 not restored and the data as it was, 2 refused, 4 something is down.
 */
export const restore = async (world: World, reference: string, flags: RestoreFlags): Promise<number> => {
  if (!flags.dryRun) assertMayAsk(world, flags.yes);
  const session = await openSession(world);
  if (flags.dryRun) return dryRun(session, reference, flags);
  const earlier = await recoverFirst(session, await backupsFolders(world), true);
  const meant = await meantBy(session, reference, flags);
  assertDataWhole(earlier, meant.instance);
  const listener = chooseListener({ ...world.flags, stdout: world.stdout, stderr: world.stderr });
  const emit = emitTo(world, listener, meant.instance.name);
  const stopTelling = onInsisting(world, emit);
  try {
    const code = await codeOfOne(world, (tell) => restoreOne(session, meant, flags, tell), emit);
    return worstCode([...codesOf(earlier), code]);
  } finally {
    stopTelling();
    listener.close();
  }
};
