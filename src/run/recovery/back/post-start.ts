import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Warning } from '../../../base/events.ts';
import { instanceFromRunning } from '../../../config/resolve.ts';
import type { Engine } from '../../../docker/engine.ts';
import { lifecycleOf, modelOf } from '../../../stack/model.ts';
import { projectContainers } from '../../../stack/observe.ts';
import type { LifecycleHook, Stack } from '../../../stack/types.ts';
import type { Journal } from '../../journal.ts';

/** Compose may hang (a network file system, a registry): services that wait for one's hooks wait no longer. */
const limitMs = 15_000;

/** What the compose files say now; undefined when they cannot be read, or not in time. */
const readLifecycle = async (journal: Journal, engine: Engine): Promise<Stack['lifecycle'] | undefined> => {
  const read = async () => {
    const containers = await projectContainers(engine, journal.project);
    const instance = instanceFromRunning(journal.project, dirname(journal.folder), 'UTC');
    const { model } = await modelOf(instance, containers);
    return model === undefined ? undefined : lifecycleOf(model);
  };
  const late = pause(limitMs, undefined, { ref: false });
  return Promise.race([read().catch(() => undefined), late]);
};

/**
 * The `post_start` hooks of a service, from the compose files: a journal keeps no commands, they may hold
 * secrets. They are read while the services come up, and not at all where the journal knows of none.
 */
export const postStartOf = (
  journal: Journal,
  engine: Engine,
  warn: (warning: Warning) => void,
): ((service: string) => Promise<readonly LifecycleHook[]>) => {
  const named = journal.wayBack.postStart;
  if (named?.length === 0) return async () => [];
  const reading = readLifecycle(journal, engine);
  return async (service) => {
    if (named !== undefined && !named.includes(service)) return [];
    const hooks = (await reading)?.[service]?.postStart ?? [];
    if (hooks.length === 0 && named !== undefined)
      warn({
        code: 'lifecycle-hook',
        about: service,
        message: `the post_start hooks of ${service} were not run: its compose files cannot be read, or have none any more`,
      });
    return hooks;
  };
};
