import { PassThrough } from 'node:stream';
import { messageOf } from '../../base/errors.ts';
import type { LifecycleHook } from '../../stack/types.ts';
import type { RunContext } from '../context.ts';

/** How long one of Compose's own hooks may take. Compose sets no limit; a hung one must not hold a stack down. */
const limitMs = 60_000;
const keptBytes = 2_000;

/**
 * Runs the compose file's `pre_stop` or `post_start` hooks of a service in its container, as `compose stop`
 * and `compose start` would. A hook that fails is told as a warning: the stop or start goes on.
 */
export const runLifecycle = async (
  context: RunContext,
  container: { readonly id: string; readonly name: string; readonly service: string },
  moment: 'pre_stop' | 'post_start',
  hooks: readonly LifecycleHook[],
): Promise<void> => {
  for (const hook of hooks) {
    const problem = await runOne(context, container.id, hook).catch(messageOf);
    if (problem !== undefined)
      context.warn({
        code: 'lifecycle-hook',
        about: container.service,
        message: `the ${moment} hook of ${container.name} failed: ${problem}`,
      });
  }
};

/** Undefined when all went well, else what was wrong. Its arguments are not repeated: they may hold secrets. */
const runOne = async (context: RunContext, id: string, hook: LifecycleHook): Promise<string | undefined> => {
  const errors = new PassThrough();
  let said = '';
  errors.on('data', (chunk) => {
    if (said.length < keptBytes) said += String(chunk);
  });
  const exitCode = await context.engine.exec(id, {
    command: hook.command,
    stderr: errors,
    signal: AbortSignal.timeout(limitMs),
    ...(hook.user === undefined ? {} : { user: hook.user }),
    ...(hook.privileged === undefined ? {} : { privileged: hook.privileged }),
    ...(hook.workingDir === undefined ? {} : { workingDir: hook.workingDir }),
    ...(hook.environment === undefined ? {} : { env: hook.environment }),
  });
  return exitCode === 0 ? undefined : `exit code ${exitCode} ${said.trim()}`.trim();
};
