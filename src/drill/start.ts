import type { LoadContext } from '../hooks/load/types.ts';
import { askInSandbox, notAsked } from './checks/configured.ts';
import { awaitHealth, containersOf, stillThere } from './checks/health.ts';
import { rowsChecks } from './checks/rows.ts';
import { contextFor, dumpsOf, removeFile } from './data/databases.ts';
import { limitsOf, within } from './data/limit.ts';
import { loadOne } from './data/load.ts';
import type { Fields } from './model/types.ts';
import { createServices, startServices } from './sandbox/start.ts';
import type { Stopwatch } from './sandbox/stopwatch.ts';
import { hasFailed, noteComplaint, startStaged } from './staged.ts';
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

/** SQLite: nobody has the files open yet, so they are loaded, counted and asked before anything is started. */
const settleFiles = async ({ drill, services, watch }: Starting): Promise<void> => {
  const { task, tools } = drill;
  const asked = task.checks.filter(({ kind, service }) => kind === 'sqlite' && services.includes(service));
  if (!tools.info.local) {
    drill.checks.push(...asked.map((check) => notAsked(check, 'its files are out of reach from here')));
    if (dumpsOf(drill, 'sqlite', new Set(services)).length > 0)
      drill.observations.push('SQLite files are out of reach from here: none was loaded, or counted');
    return;
  }
  const containers = await containersOf(drill);
  for (const source of dumpsOf(drill, 'sqlite', new Set(services))) {
    const details = containers.get(source.dump.service);
    if (details === undefined) continue;
    const context = contextFor(drill, source, details);
    const { loadMs, countMs } = limitsOf(context);
    const load = async (inTime: LoadContext) => [
      await loadOne(inTime, source, () => removeFile(source, details)),
    ];
    const count = (inTime: LoadContext) => rowsChecks(inTime, source, task.settings.ignoreRows);
    drill.checks.push(
      ...(task.data === 'dumps'
        ? await within(context, source, loadMs, load)
        : await watch.beside(() => within(context, source, countMs, count))),
    );
  }
  for (const check of asked) {
    const details = containers.get(check.service);
    if (details === undefined) drill.checks.push(notAsked(check));
    else drill.checks.push(await watch.beside(() => askInSandbox(drill, check, details)));
  }
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
  await startStaged(starting);
  const loadedMs = watch.ms;
  drill.tools.say('starting the services');
  noteComplaint(starting, await startServices(drill, model));
  const health = await awaitHealth(drill, services, drill.task.settings.health);
  const healthyMs = watch.ms;
  const lasting = hasFailed(health) ? health : await watch.beside(() => stillThere(drill, services));
  drill.checks.unshift(...lasting);
  return { loadedMs, ...(hasFailed(lasting) ? {} : { healthyMs }) };
};
