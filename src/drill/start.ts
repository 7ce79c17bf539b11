import type { CheckResult } from '../run/drill/record.ts';
import { awaitHealth, containersOf } from './checks/health.ts';
import { rowsChecks } from './checks/rows.ts';
import { contextFor, dumpsOf, removeFile } from './data/databases.ts';
import { loadOne } from './data/load.ts';
import { letIn } from './data/postgres.ts';
import type { Fields } from './model/types.ts';
import { inDependencyOrder } from './plan/order.ts';
import { reloadServer } from './sandbox/reload.ts';
import { createServices, startServices } from './sandbox/start.ts';
import type { Stopwatch } from './sandbox/stopwatch.ts';
import type { Drill } from './task.ts';

/** What the steps of a start share. */
export interface Starting {
  readonly drill: Drill;
  readonly model: Fields;
  readonly services: readonly string[];
  /** Host paths of the volumes. */
  readonly paths: ReadonlyMap<string, string>;
  readonly watch: Stopwatch;
}

const failed = (checks: readonly CheckResult[]): boolean => checks.some(({ ok }) => !ok);

/** Compose says what it could not do; the services themselves say it, too, once they are looked at. */
const noteComplaint = ({ drill }: Starting, complaint: string | undefined): void => {
  if (complaint !== undefined) drill.observations.push(`docker compose: ${complaint}`);
};

/** SQLite: nobody has the files open yet, so they are loaded and counted before anything is started. */
const settleFiles = async (starting: Starting): Promise<void> => {
  const { drill, services, watch } = starting;
  const sources = dumpsOf(drill, 'sqlite', new Set(services));
  const containers = await containersOf(drill);
  for (const source of sources) {
    const details = containers.get(source.dump.service);
    if (details === undefined || !drill.tools.info.local) continue;
    const context = contextFor(drill, source, details);
    if (drill.task.data === 'dumps') {
      await removeFile(source, details);
      drill.checks.push(await loadOne(context, source));
    } else {
      const count = () => rowsChecks(context, source, drill.task.settings.ignoreRows);
      drill.checks.push(...(await watch.beside(count)));
    }
  }
};

/** A fresh server made its own rules when it began: they are opened, too, then the dumps are loaded. */
const loadInto = async ({ drill, paths }: Starting, service: string, container: string): Promise<void> => {
  for (const path of paths.values()) await letIn(path);
  await reloadServer(drill.tools.engine, container, drill.tools.signal);
  const details = await drill.tools.engine.inspect(container);
  for (const source of dumpsOf(drill, 'postgres', new Set([service]))) {
    drill.tools.say(`loading ${source.dump.path}`);
    drill.checks.push(await loadOne(contextFor(drill, source, details), source));
  }
};

/**
 * Starts one database service with what it needs, alone: those that use it are not there yet, so what is
 * counted in it is what came back. False when it does not get healthy.
 */
const startDatabase = async (starting: Starting, service: string): Promise<boolean> => {
  const { drill, model, watch } = starting;
  const { settings, data } = drill.task;
  noteComplaint(starting, await startServices(drill, model, [service]));
  if (failed(await awaitHealth(drill, [service], settings.health))) return false;
  const details = (await containersOf(drill)).get(service);
  if (details === undefined) return false;
  if (data === 'dumps') await loadInto(starting, service, details.id);
  for (const source of dumpsOf(drill, 'postgres', new Set([service]))) {
    const count = () => rowsChecks(contextFor(drill, source, details), source, settings.ignoreRows);
    drill.checks.push(...(await watch.beside(count)));
  }
  return true;
};

/**
 * Brings the services of a sandbox up, databases before those that use them, and looks at the data on the way.
 * Resolves with the time until the databases were loaded, and until all services were as they were before;
 * the latter is undefined when they did not get there.
 */
export const startAll = async (
  starting: Starting,
): Promise<{ readonly loadedMs: number; readonly healthyMs?: number }> => {
  const { drill, model, services, watch } = starting;
  if (services.length === 0) return { loadedMs: watch.ms };
  noteComplaint(starting, await createServices(drill, model));
  await settleFiles(starting);
  const sources = dumpsOf(drill, 'postgres', new Set(services));
  for (const service of inDependencyOrder(model, [...new Set(sources.map(({ dump }) => dump.service))]))
    if (!(await startDatabase(starting, service))) break;
  const loadedMs = watch.ms;
  drill.tools.say('starting the services');
  noteComplaint(starting, await startServices(drill, model));
  const health = await awaitHealth(drill, services, drill.task.settings.health);
  drill.checks.unshift(...health);
  return { loadedMs, ...(failed(health) ? {} : { healthyMs: watch.ms }) };
};
