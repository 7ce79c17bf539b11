import { afterMs } from '../base/wait/heed.ts';
import type { ContainerDetails } from '../docker/engine.ts';
import { awaitServer } from '../hooks/load/ready.ts';
import type { LoadContext, LoadSource } from '../hooks/load/types.ts';
import type { CheckResult } from '../run/drill/record.ts';
import { askInSandbox, notAsked } from './checks/configured.ts';
import { awaitHealth, containersOf } from './checks/health.ts';
import { rowsChecks } from './checks/rows.ts';
import { askedServer, contextFor, dumpsOf } from './data/databases.ts';
import { limitsOf, within } from './data/limit.ts';
import { loadOne } from './data/load.ts';
import { letIn } from './data/postgres.ts';
import { openServer } from './data/ready.ts';
import { inDependencyOrder } from './plan/order.ts';
import { reloadServer } from './sandbox/reload.ts';
import { startServices } from './sandbox/start.ts';
import type { Starting } from './start.ts';

/** Compose says what it could not do; the services themselves say it, too, once they are looked at. */
export const noteComplaint = ({ drill }: Starting, complaint: string | undefined): void => {
  if (complaint !== undefined) drill.observations.push(`docker compose: ${complaint}`);
};

export const hasFailed = (checks: readonly CheckResult[]): boolean => checks.some(({ ok }) => !ok);

/** A server whose health check is content lets somebody in by then, or never. */
const answersSoonMs = 30_000;

/** Checks of the configuration that are asked in a running service. */
const asksOf = ({ drill }: Starting, service: string) =>
  drill.task.checks.filter((check) => check.kind !== 'sqlite' && check.service === service);

/** A fresh server made its own rules when it began: they are opened, too, then the dumps are loaded. */
const loadInto = async (
  starting: Starting,
  sources: readonly LoadSource[],
  details: ContainerDetails,
): Promise<void> => {
  const { drill, paths } = starting;
  const { engine, signal, say } = drill.tools;
  const open = async (): Promise<void> => {
    for (const path of paths.values()) await letIn(path);
    await reloadServer(engine, details.id, signal);
  };
  for (const source of sources) {
    say(`loading ${source.dump.path}`);
    const context = contextFor(drill, source, details);
    const load = async (inTime: LoadContext) => {
      const prepare = () => openServer(inTime, open, patienceWith(starting, details));
      return [await loadOne(inTime, source, prepare)];
    };
    drill.checks.push(...(await within(context, source, limitsOf(context).loadMs, load)));
  }
};

/** A server that is healthy should answer; one without a health check may only have begun to start. */
const patienceWith = ({ drill }: Starting, { health }: ContainerDetails): number =>
  health === 'healthy' ? Math.min(answersSoonMs, drill.task.settings.health) : drill.task.settings.health;

/** What a server refuses to the end is told by whoever asks it then. */
const awaitDatabase = async (
  starting: Starting,
  service: string,
  details: ContainerDetails,
): Promise<void> => {
  const context = askedServer(starting.drill, service, details);
  if (context === undefined) return;
  const limitMs = patienceWith(starting, details);
  // One that takes the question and never answers is left to its limit, too.
  const signal = AbortSignal.any([context.signal, afterMs(limitMs + answersSoonMs)]);
  await awaitServer({ ...context, signal }, limitMs).catch(() => context.signal.throwIfAborted());
};

/** Counts and asks in a service that runs while those that use it do not. */
const lookInto = async (starting: Starting, service: string): Promise<void> => {
  const { drill, watch } = starting;
  const details = (await containersOf(drill)).get(service);
  if (details === undefined) return;
  const sources = dumpsOf(drill, 'postgres', new Set([service]));
  if (drill.task.data === 'dumps') await loadInto(starting, sources, details);
  else await awaitDatabase(starting, service, details);
  await watch.beside(async () => {
    for (const source of sources) {
      const context = contextFor(drill, source, details);
      const count = (inTime: LoadContext) => rowsChecks(inTime, source, drill.task.settings.ignoreRows);
      drill.checks.push(...(await within(context, source, limitsOf(context).countMs, count)));
    }
    for (const check of asksOf(starting, service))
      drill.checks.push(await askInSandbox(drill, check, details));
  });
};

const comesUp = async (starting: Starting, service: string): Promise<boolean> => {
  const { drill, model } = starting;
  noteComplaint(starting, await startServices(drill, model, [service]));
  return !hasFailed(await awaitHealth(drill, [service], drill.task.settings.health));
};

/**
 * Starts one after the other the services whose data is looked at, each with what it needs: those that use it
 * are not there yet, so what is found in it is what came back. When one does not come up, the rest is not tried.
 */
export const startStaged = async (starting: Starting): Promise<void> => {
  const { drill, model, services } = starting;
  const taking = new Set(services);
  const dumped = dumpsOf(drill, 'postgres', taking).map(({ dump }) => dump.service);
  const asked = services.filter((service) => asksOf(starting, service).length > 0);
  let isUp = true;
  for (const service of inDependencyOrder(model, [...new Set([...dumped, ...asked])])) {
    isUp &&= await comesUp(starting, service);
    if (isUp) await lookInto(starting, service);
    else drill.checks.push(...asksOf(starting, service).map((check) => notAsked(check)));
  }
};
