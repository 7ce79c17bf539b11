import { formatDuration } from '../../base/duration.ts';
import type { Manifest } from '../../snapshot/types.ts';
import { askFiles } from '../checks/files.ts';
import { answersOf } from '../checks/stage.ts';
import { finishSnapshot, type Kept } from '../course/finish.ts';
import type { Enter } from '../course/phase.ts';
import { downtimeOf } from '../quiet/ledger.ts';
import { confirmRunning } from '../quiet/start.ts';
import { wayBackOf } from '../quiet/way-back.ts';
import type { Run } from '../run.ts';
import { writeLogs } from '../stages/compose-record.ts';
import { askingIn } from './window.ts';

/** The snapshot is no worse for it; but whoever set a budget wants to hear when it is not kept. */
const warnOverBudget = ({ context, plan, ledger }: Run): void => {
  const { downtime, maxDowntime } = plan.instance.limits;
  const longest = Math.max(
    0,
    ...[...ledger.values()].map((entry) => downtimeOf(entry, context.clock.tick())),
  );
  const told = (limit: number, what: string): void => {
    if (limit === 0 || longest <= limit) return;
    const message = `a service was down for ${formatDuration(longest)}; ${what}`;
    context.warn({ code: 'over-budget', message });
  };
  told(downtime, `the budget is ${formatDuration(downtime)} (limits.downtime)`);
  told(
    maxDowntime,
    `bringing back took longer than expected, and ${formatDuration(maxDowntime)} are allowed (limits.max_downtime)`,
  );
};

/** What can wait until the services are back: records, logs, hashing, index, checksums, manifest. */
export const finishBackup = (run: Run, enter: Enter, kept: Kept): Promise<Manifest> => {
  const { context, plan, folder } = run;
  return finishSnapshot(run, kept, {
    begin: async () => {
      if (plan.instance.logs) await writeLogs(context, folder, plan);
      await enter('hashing');
    },
    end: async () => {
      await askFiles(askingIn(run, context), folder);
      await enter('publishing');
      await confirmRunning(context, plan, wayBackOf(plan, run.needs), run.ledger);
      warnOverBudget(run);
      return { checks: answersOf({ plan, book: run.checks }), warnings: run.warnings };
    },
  });
};
