import type { Phase } from '../../base/events.ts';
import type { HashedAhead } from '../../copy/warm/ahead.ts';
import type { Run } from '../run.ts';
import { needsWarmth, type WarmCopies, warmAll } from '../stages/warm-stage.ts';
import { assertHome } from '../trouble.ts';
import type { OpenedRun } from './open.ts';

export type Enter = (phase: Phase) => Promise<void>;

/** Begins a phase: on disk first, then for everybody who listens. An interrupted run begins no further one. */
export const entering =
  (run: Run, opened: OpenedRun): Enter =>
  async (phase) => {
    run.context.signal.throwIfAborted();
    await assertHome(run, opened);
    await opened.journal.enter(phase);
    run.tools.onPhase(phase);
    run.context.emit({ type: 'phase', phase });
  };

/** What can be copied while the services run. */
export const copyWarm = async (run: Run, enter: Enter, ahead?: HashedAhead): Promise<WarmCopies> => {
  if (!needsWarmth(run.plan)) return new Map();
  await enter('warming');
  return warmAll(run.context, run.plan, run.folder, ahead);
};
