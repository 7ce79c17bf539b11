import { messageOf, StackBackupError } from '../../base/errors.ts';
import type { HookConfig, HookPhase } from '../../config/types.ts';
import { runHook } from '../../hooks/registry.ts';
import type { HookResult } from '../../hooks/types.ts';
import type { ManifestDump, ManifestHook } from '../../snapshot/types.ts';
import type { RunContext } from '../context.ts';
import { type HookPlan, hookContext } from './preflight.ts';

/** What the hooks of a run brought so far; filled phase by phase. */
export interface HookBook {
  readonly dumps: ManifestDump[];
  readonly results: ManifestHook[];
}

export interface HookRun {
  readonly id: string;
  /** Absolute path of the snapshot being written (or, for `finally`, of the finished one). */
  readonly folder: string;
  readonly outcome?: string;
  readonly snapshot?: string;
}

const note = (book: HookBook, hook: HookConfig, ok: boolean, ms: number, summary: string): void => {
  book.results.push({ name: hook.name, kind: hook.kind, phase: hook.phase, ok, ms, summary });
};

const runOne = async (
  context: RunContext,
  plan: HookPlan,
  hook: HookConfig,
  run: HookRun,
  book: HookBook,
) => {
  const { emit, clock, warn } = context;
  const from = clock.tick();
  emit({ type: 'hook-started', hook: hook.name, phase: hook.phase });
  const finished = (ok: boolean, summary: string): void => {
    const ms = Math.round(clock.tick() - from);
    note(book, hook, ok, ms, summary);
    emit({ type: 'hook-finished', hook: hook.name, phase: hook.phase, ok, ms, summary });
  };
  let result: HookResult;
  try {
    const { id, ...about } = run;
    result = await runHook(hook, hookContext(context, plan, hook, { run: id, ...about }));
  } catch (error) {
    finished(false, messageOf(error));
    const isOver =
      context.signal.aborted || (error instanceof StackBackupError && error.code === 'interrupted');
    if (isOver || hook.onFailure === 'abort') throw error;
    warn({ code: 'hook-failed', about: hook.name, message: messageOf(error) });
    return;
  }
  book.dumps.push(...result.dumps);
  for (const warning of result.warnings) warn(warning);
  finished(true, result.summary);
};

/**
 * Runs the hooks of one phase, one after another in the order of the configuration. A hook that fails
 * ends the run or adds a warning, as its `on_failure` says.
 */
export const runHooks = async (
  context: RunContext,
  plan: HookPlan,
  phase: HookPhase,
  run: HookRun,
  book: HookBook,
): Promise<void> => {
  for (const hook of plan.hooks) if (hook.phase === phase) await runOne(context, plan, hook, run, book);
};
