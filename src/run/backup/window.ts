import type { HashedAhead } from '../../copy/warm/ahead.ts';
import { neededFor } from '../../plan/backup.ts';
import { type Asking, askBeforeQuiet, whileAsking } from '../checks/stage.ts';
import type { RunContext } from '../context.ts';
import type { Kept } from '../course/finish.ts';
import { removeHolder } from '../course/leave.ts';
import type { OpenedRun } from '../course/open.ts';
import { copyWarm, type Enter } from '../course/phase.ts';
import type { Release } from '../quiet/early.ts';
import { whileQuiet } from '../quiet/quiesce.ts';
import { notedOrHung, notedSoon } from '../quiet/window/hung.ts';
import type { Guardian } from '../recovery/guardian.ts';
import { momentOf, type Run } from '../run.ts';
import { copyAll, makeHolder, needsHolder, type Prepared } from '../stages/copy-stage.ts';
import { holdsIn } from '../stages/holds.ts';
import { type HookRun, runHooks } from '../stages/hook-stage.ts';
import { assertSpace } from '../stages/preflight.ts';

export const hookRun = ({ id, folder }: Run): HookRun => ({ id, folder });

/** The window: what keeps services down once all are quiet. Nothing that can wait is done in it. */
const inTheWindow =
  (run: Run, enter: Enter, prepared: Prepared) => async (quiet: RunContext, release: Release) => {
    const { backups } = run.plan.instance;
    const consistent = momentOf(run);
    await notedOrHung(quiet, backups, () => enter('while-stopped'));
    await runHooks(quiet, run.plan, 'while-stopped', hookRun(run), run.hooks);
    await notedOrHung(quiet, backups, () => enter('copying'));
    const copied = await whileAsking(askingIn(run, quiet), (context) =>
      copyAll(context, run.plan, run.folder, prepared, release),
    );
    await notedSoon(() => enter('starting'));
    return { copied, consistent };
  };

/** What asks the run's checks in one of its stages. */
export const askingIn = (run: Run, context: RunContext): Asking => ({
  context,
  plan: run.plan,
  book: run.checks,
  now: () => momentOf(run),
});

/** A run whose guardian stands by, or is about to. */
export interface GuardedRun extends OpenedRun {
  readonly guardian: Promise<Guardian | undefined>;
}

/** Quiesce, copy, bring back. The helper container for copies through the engine lives just as long. */
export const copyWhileQuiet = async (
  run: Run,
  { journal, guardian }: GuardedRun,
  enter: Enter,
  ahead: HashedAhead,
): Promise<Kept> => {
  const { plan, ledger, needs } = run;
  const context: RunContext = {
    ...run.context,
    noteEnded: (id) => notedOrHung(run.context, plan.instance.backups, () => journal.noteEnded(id)),
    noteBack: journal.noteBack,
    noteReturn: journal.noteReturn,
    lastLook: (at, id, action) => askBeforeQuiet(askingIn(run, at), id, action),
  };
  const begin = () => notedSoon(() => journal.enter('starting'));
  const early = { holds: await holdsIn(context, plan, needs), begin };
  try {
    const holder = await makeHolder(context, plan, run.id);
    const warm = await copyWarm(run, enter, ahead);
    const cold = plan.copies.filter(({ mount }) => !warm.has(mount.name));
    await assertSpace(plan, neededFor(cold));
    await guardian; // it has had the time of the copying to get up
    ahead.hasher.rest(); // nothing competes with what the services wait for, to the last start
    await enter('stopping');
    const work = inTheWindow(run, enter, { holder, warm });
    const kept = await whileQuiet(context, plan, ledger, needs, work, early);
    ahead.hasher.goOn();
    return { ...kept, ahead };
  } finally {
    if (needsHolder(plan)) await removeHolder(run);
  }
};
