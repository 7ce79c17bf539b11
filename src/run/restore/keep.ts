import type { RunContext } from '../context.ts';
import type { Release } from '../quiet/early.ts';
import { giveName, momentOf } from '../run.ts';
import { imagesOf, writeComposeRecord } from '../stages/compose-record.ts';
import { copyAll, type Prepared } from '../stages/copy-stage.ts';
import { manifestOf } from '../stages/describe.ts';
import { finishFolder } from '../stages/publish.ts';
import type { Restoring } from './window.ts';

export interface RestoreOptions {
  readonly toolVersion: string;
  /** How long the safety snapshot is not to be removed, ms. */
  readonly pinnedMs: number;
}

/** Nobody comes back while the present state is kept: the data is overwritten next. */
const nobodyWaits: Release = { copying: () => undefined, copied: () => undefined, waiting: () => 0 };

/** Copies what is about to be overwritten, and makes a complete snapshot of it before anything is. */
export const keepPresent =
  ({ run, opened, enter, state }: Restoring, prepared: Prepared, options: RestoreOptions) =>
  async (context: RunContext): Promise<void> => {
    const { plan, folder } = run;
    const consistent = momentOf(run);
    await enter('copying');
    const copied = await copyAll(context, plan, folder, prepared, nobodyWaits);
    await enter('securing');
    const images = await imagesOf(context, plan);
    await writeComposeRecord(folder, plan, images);
    state.manifest = await finishFolder(context, plan, folder, copied, async ({ results, sums }) =>
      manifestOf({
        ...run.options,
        pinnedUntil: new Date(run.started.getTime() + options.pinnedMs).toISOString(),
        run: run.id,
        snapshot: run.snapshot,
        engine: run.tools.info,
        started: run.started,
        consistent,
        finished: momentOf(run),
        tick: context.clock.tick(),
        plan,
        ledger: run.ledger,
        needs: run.needs,
        copies: results,
        hooks: run.hooks,
        checks: [],
        images,
        sums,
        warnings: [],
      }),
    );
    state.path = await giveName(run);
    state.restore = { ...state.restore, safety: run.snapshot };
    // Whoever finds this run dead after its first write has to know what to go back to.
    await opened.journal.enter('securing', { restore: state.restore });
  };
