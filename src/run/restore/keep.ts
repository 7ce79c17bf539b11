import { HashedAhead } from '../../copy/warm/ahead.ts';
import type { RunContext } from '../context.ts';
import { finishSnapshot, giveName } from '../course/finish.ts';
import type { Release } from '../quiet/early.ts';
import { momentOf } from '../run.ts';
import { copyAll, type Prepared } from '../stages/copy-stage.ts';
import type { Restoring } from './window.ts';

/** Nobody comes back while the present state is kept: the data is overwritten next. */
const nobodyWaits: Release = { copying: () => undefined, copied: () => undefined, waiting: () => 0 };

/** Copies what is about to be overwritten, and makes a complete snapshot of it before anything is. */
export const keepPresent =
  ({ run, opened, enter, state }: Restoring, prepared: Prepared) =>
  async (context: RunContext): Promise<void> => {
    const consistent = momentOf(run);
    await enter('copying');
    const copied = await copyAll(context, run.plan, run.folder, prepared, nobodyWaits);
    await enter('securing');
    const end = async () => ({ checks: [], warnings: [] });
    await using ahead = new HashedAhead(run.folder, context);
    state.manifest = await finishSnapshot({ ...run, context }, { copied, consistent, ahead }, { end });
    state.path = await giveName(run);
    state.restore = { ...state.restore, safety: run.snapshot };
    // Whoever finds this run dead after its first write has to know what to go back to.
    await opened.journal.enter('securing', { restore: state.restore });
  };
