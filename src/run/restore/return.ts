import type { RunContext } from '../context.ts';
import type { JournalContainer } from '../journal.ts';
import { noteFirst } from '../quiet/back/begin.ts';
import type { Ledger } from '../quiet/ledger.ts';
import { bringBack } from '../quiet/start.ts';
import { wayBackOf } from '../quiet/way-back.ts';
import { markData } from './data/mark.ts';
import type { Restoring } from './window.ts';

/**
 * The containers for the journal. Those that ran to have dumps loaded have been started by this run: they go on
 * running, or have been stopped again to set the data back.
 */
const asTheyAre = ({ engine }: RunContext, { run, state }: Restoring): Promise<readonly JournalContainer[]> =>
  Promise.all(
    [...run.ledger.values()].map(async ({ container, ended, backAt, down }) => {
      const known = ended === true ? { ...container, ended } : container;
      if (backAt === undefined) return known;
      if (state.data === 'restored' && down === undefined) return { ...known, back: true as const };
      const now = await engine.inspect(container.id).catch(() => undefined);
      return now === undefined ? known : { ...known, startedAt: now.startedAt };
    }),
  );

/** Whoever runs already, to have dumps loaded, is not started again. */
export const notYetBack = ({ run, state }: Restoring): Ledger =>
  state.data === 'restored'
    ? new Map([...run.ledger].filter(([, { backAt, down }]) => backAt === undefined || down !== undefined))
    : run.ledger;

/**
 * Services come first: a journal that cannot be written any more does not keep them down. But on the disk it may
 * say still that data is half restored, and whoever finds it must not set back what they write from now on.
 */
const markInstead = async (context: RunContext, { run, state }: Restoring): Promise<void> => {
  const { data } = state;
  if (data === 'half-restored' || state.isAnnounced !== true) return;
  state.isMarked = true;
  await markData(context.engine, run.id, data).catch(() => undefined);
};

/** Data is whole, the old or the new: what ran may run again. */
export const enterStart = async (context: RunContext, restoring: Restoring): Promise<void> => {
  const { opened, run, state } = restoring;
  state.restore = { ...state.restore, data: state.data };
  const containers = await asTheyAre(context, restoring);
  await opened.journal
    .enter('starting', { restore: state.restore, containers })
    .catch(() => markInstead(context, restoring));
  run.tools.onPhase('starting');
  run.context.emit({ type: 'phase', phase: 'starting' });
};

/** Nothing was overwritten: the way back is that of a backup that failed. */
export const noteUntouched = (context: RunContext, restoring: Restoring): Promise<void> =>
  noteFirst(restoring.run.ledger, (untouched) =>
    restoring.opened.journal.noteReturn(untouched).catch(() => markInstead(context, restoring)),
  );

/** Nothing is started on data that is half restored; what was only frozen never had to do with it. */
export const leaveDown = async (context: RunContext, { run, state, plan }: Restoring): Promise<void> => {
  const stopped = [...run.ledger.values()].filter(
    ({ container, askedAt }) => container.action === 'stop' && askedAt !== undefined,
  );
  const frozen = new Map([...run.ledger].filter(([, { container }]) => container.action === 'pause'));
  await bringBack(context, wayBackOf(run.plan, run.needs), frozen);
  const names = [...plan.putBacks, ...plan.guarded].map(({ name }) => name).join(', ');
  for (const entry of stopped)
    entry.down = `it was not started, because ${names} is half restored (${state.problems.join('; ')})`;
};
