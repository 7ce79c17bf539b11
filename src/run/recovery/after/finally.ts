import { messageOf } from '../../../base/errors.ts';
import type { Instance } from '../../../config/types.ts';
import { projectContainers } from '../../../stack/observe.ts';
import type { RunContext } from '../../context.ts';
import type { Journal } from '../../journal.ts';
import { runHooks } from '../../stages/hook-stage.ts';
import { instanceOf, noSuch } from './instance.ts';

export interface Told {
  /** What the hooks find as STACK_BACKUP_OUTCOME. */
  readonly outcome: string;
  /** Path of the snapshot, when there is one. */
  readonly snapshot?: string;
}

/**
 * Runs the `finally` hooks of a dead run's instance, in its stead and under their own time limits. They may
 * hold secrets, so the journal has only the path of the configuration, and they are read from there again.
 * Where that cannot be, a warning says so; nothing here undoes that the services are back.
 */
export const runFinallyHooks = async (
  journal: Journal,
  context: RunContext,
  isOurs: boolean,
  { outcome, snapshot }: Told,
): Promise<void> => {
  if (journal.config === undefined) return;
  let instance: Instance;
  try {
    // Whoever can write a journal must not thereby be able to run a command as the user who recovers it.
    if (!isOurs) throw noSuch('its journal belongs to another user, or others may write to it');
    instance = await instanceOf(journal, journal.config);
  } catch (error) {
    const message = `the finally hooks of ${journal.instance} were not run: ${journal.config} cannot be used: ${messageOf(error)}`;
    context.warn({ code: 'hooks-not-run', message });
    return;
  }
  if (!instance.hooks.some((hook) => hook.phase === 'finally')) return;
  try {
    const containers = await projectContainers(context.engine, journal.project);
    const plan = { instance, hooks: instance.hooks, stack: { project: journal.project, containers } };
    const about = { id: journal.id, folder: journal.folder, outcome, ...(snapshot && { snapshot }) };
    await runHooks(context, plan, 'finally', about, { dumps: [], results: [] });
  } catch (error) {
    context.warn({ code: 'hook-failed', message: messageOf(error) });
  }
};
