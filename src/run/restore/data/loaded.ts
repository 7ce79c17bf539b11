import { messageOf } from '../../../base/errors.ts';
import type { Warning } from '../../../base/events.ts';
import type { Instance } from '../../../config/types.ts';
import { awaitServer } from '../../../hooks/load/ready.ts';
import { type PlannedLoad, settleTogether } from '../../../hooks/load/together.ts';
import type { LoadPlan } from '../../../hooks/load/types.ts';
import { projectContainers } from '../../../stack/observe.ts';
import type { StackContainer } from '../../../stack/types.ts';
import type { RunContext } from '../../context.ts';
import type { Journal } from '../../journal.ts';
import type { Ledger } from '../../quiet/ledger.ts';
import { instanceOf } from '../../recovery/after/instance.ts';

/** Something does not serve on what was restored: what was there before is kept. */
export const isUnwell = (warnings: readonly Warning[], ledger: Ledger): boolean =>
  warnings.some(({ code }) => code === 'not-healthy') ||
  [...ledger.values()].some(({ down }) => down !== undefined);

/** Old databases that are still there, beside what was loaded. */
export const oldKept = (kept: readonly string[], problems: readonly string[]): Warning => ({
  code: 'old-kept',
  message: `what was there before is kept beside what was loaded, as ${kept.join(', ')}: ${problems.join('; ')}`,
});

/** How long a server without a health check is waited for, ms. */
const serverMs = 60_000;

/** Of the hooks only users and passwords are wanted; without a configuration the container's own are taken. */
const hooksOf = async (journal: Journal): Promise<Instance['hooks']> => {
  if (journal.config === undefined) return [];
  return instanceOf(journal, journal.config).then(
    ({ hooks }) => hooks,
    () => [],
  );
};

const loadsOf = async (
  journal: Journal,
  { engine }: RunContext,
  plans: readonly LoadPlan[],
  local: boolean,
): Promise<readonly PlannedLoad[]> => {
  const [hooks, containers] = await Promise.all([
    hooksOf(journal),
    projectContainers(engine, journal.project),
  ]);
  const signal = new AbortController().signal; // nothing interrupts it
  return plans.map((plan) => {
    const isIts = ({ service, oneOff }: StackContainer): boolean => service === plan.service && !oneOff;
    const container = containers.find(isIts);
    if (container === undefined) throw new Error(`service ${plan.service} has no container any more`);
    const hook = hooks.find(({ kind, service }) => kind === plan.kind && service === plan.service);
    const reach = { hostPaths: local, throughEngine: true };
    return { plan, context: { engine, container, ...reach, hook, signal } };
  });
};

/** What the old databases are still there for, in words. */
const settled = async (
  journal: Journal,
  context: RunContext,
  plans: readonly LoadPlan[],
  local: boolean,
): Promise<readonly string[]> => {
  try {
    const loads = await loadsOf(journal, context, plans, local);
    for (const load of loads) if (load.plan.kind === 'postgres') await awaitServer(load.context, serverMs);
    return await settleTogether(loads);
  } catch (error) {
    return [messageOf(error)];
  }
};

/**
 * A restore from dumps died when what it had loaded was in its place: when everything serves on that, the old
 * databases go, as at its own end. Otherwise a warning says what they are called. A journal that somebody else
 * can write is not followed: it says what is removed.
 */
export const settleDeadLoads = async (
  journal: Journal,
  context: RunContext,
  { local, isOurs, isWell }: { readonly local: boolean; readonly isOurs: boolean; readonly isWell: boolean },
): Promise<void> => {
  const plans = journal.restore?.loading ?? [];
  if (plans.length === 0) return;
  const why = !isOurs ? 'its journal belongs to another user' : 'not everything serves on what was loaded';
  const problems = isOurs && isWell ? await settled(journal, context, plans, local) : [why];
  if (problems.length > 0)
    context.warn(
      oldKept(
        plans.map(({ kept }) => kept),
        problems,
      ),
    );
};
