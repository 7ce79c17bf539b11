import type { Instance } from '../../config/types.ts';
import type { Engine } from '../../docker/engine.ts';
import { loadableDumps, planLoad } from '../../hooks/load/load.ts';
import { awaitServer } from '../../hooks/load/ready.ts';
import { loadTogether, settleTogether } from '../../hooks/load/together.ts';
import type { LoadContext, LoadPreview, LoadSource } from '../../hooks/load/types.ts';
import type { RestorePlan } from '../../plan/restore/types.ts';
import type { StackContainer } from '../../stack/types.ts';

/** One dump on its way into a database, and what it needs for it. */
export interface Loading {
  readonly source: LoadSource;
  readonly container: StackContainer;
  readonly preview: LoadPreview;
}

interface LoadTools {
  readonly engine: Engine;
  readonly local: boolean;
  readonly signal: AbortSignal;
}

const contextOf = (
  { engine, local, signal }: LoadTools,
  { hooks }: Pick<Instance, 'hooks'>,
  { dump }: LoadSource,
  container: StackContainer,
): LoadContext => ({
  engine,
  container,
  hostPaths: local,
  throughEngine: true,
  hook: hooks.find(({ name }) => name === dump.hook),
  signal,
});

/** What loading the dumps of a plan will do. Changes nothing; the databases run still. `token` makes names. */
export const planLoads = async (
  tools: LoadTools,
  { folder, manifest, loads, instance, window }: RestorePlan,
  token: string,
): Promise<readonly Loading[]> => {
  const found: Loading[] = [];
  for (const [at, source] of loadableDumps(folder, manifest).entries()) {
    const container = window.stack.containers.find(
      ({ service, oneOff }) => service === source.dump.service && !oneOff,
    );
    if (!loads.includes(source.dump) || container === undefined) continue;
    const context = contextOf(tools, instance, source, container);
    found.push({ source, container, preview: await planLoad(context, source, `${token}_${at}`) });
  }
  return found;
};

const plannedLoads = (tools: LoadTools, { instance }: RestorePlan, loadings: readonly Loading[]) =>
  loadings.map(({ source, container, preview }) => ({
    context: contextOf(tools, instance, source, container),
    plan: preview.plan,
  }));

/** Loads every dump beside its database, then puts all of them in the place of the old ones, which are kept. */
export const loadAll = async (
  tools: LoadTools,
  plan: RestorePlan,
  loadings: readonly Loading[],
): Promise<void> => {
  const loads = plannedLoads(tools, plan, loadings);
  // Started a moment ago: where there is no health check, nobody has waited for the server yet.
  for (const { context, plan: load } of loads)
    if (load.kind === 'postgres') await awaitServer(context, plan.instance.limits.health);
  await loadTogether(loads);
};

/** Everything serves on what was loaded: the old databases go. Resolves with what could not be removed. */
export const settleLoads = (
  tools: LoadTools,
  plan: RestorePlan,
  loadings: readonly Loading[],
): Promise<readonly string[]> => settleTogether(plannedLoads(tools, plan, loadings));
