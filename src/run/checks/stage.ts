import { asStackBackupError, StackBackupError } from '../../base/errors.ts';
import type { Check } from '../../config/checks/types.ts';
import { askCheck, inTime, secretsOf } from '../../hooks/checks/ask.ts';
import { whyWrong } from '../../hooks/checks/compare.ts';
import { containerOf } from '../../hooks/registry.ts';
import type { BackupPlan } from '../../plan/types.ts';
import type { ManifestCheck } from '../../snapshot/types.ts';
import type { StackContainer } from '../../stack/types.ts';
import type { RunContext } from '../context.ts';
import { inLanes } from '../stages/lanes.ts';

/** What the checks of a run were answered so far, by name. */
export type CheckBook = Map<string, ManifestCheck>;

/** What a stage of the run needs to ask checks. */
export interface Asking {
  readonly context: RunContext;
  readonly plan: BackupPlan;
  readonly book: CheckBook;
  /** Now, as the run counts it. */
  readonly now: () => Date;
}

const checksOf = ({ plan, book }: Asking): readonly Check[] =>
  plan.instance.checks.filter(({ name }) => !book.has(name));

const note = ({ context, book }: Asking, check: Check, found: Omit<ManifestCheck, keyof Shared>): void => {
  const { name, kind, service, expect } = check;
  book.set(name, { name, kind, service, expect, ...found });
  if (found.problem === undefined) return;
  const message = `check ${name}: ${found.problem}`;
  if (check.onFailure === 'abort')
    throw new StackBackupError('check-failed', message, {
      next: 'Look at what the check asks for, then run the backup again.',
      details: { check: name },
    });
  context.warn({ code: 'check-failed', about: name, message });
};

type Shared = Pick<Check, 'name' | 'kind' | 'service' | 'expect'>;

/** Asks one check and writes down what it said. Throws when it failed and is to abort the run, or the run is over. */
export const askOne = async (
  asking: Asking,
  check: Check,
  exact: boolean,
  ask: (signal: AbortSignal) => Promise<string>,
): Promise<void> => {
  const { context, now } = asking;
  const { clock, signal } = context;
  const at = now().toISOString();
  const from = clock.tick();
  const answer = await inTime(check, signal, ask).then(
    (value) => ({ value, problem: whyWrong(check.expect, value, undefined) }),
    (error: unknown) => {
      if (signal.aborted) throw error;
      const { message, next } = asStackBackupError(error);
      return { value: undefined, problem: next === undefined ? message : `${message}. ${next}` };
    },
  );
  note(asking, check, {
    ok: answer.problem === undefined,
    ...(answer.value === undefined ? {} : { value: answer.value }),
    ...(answer.problem === undefined ? {} : { problem: answer.problem }),
    at,
    exact,
    ms: Math.round(clock.tick() - from),
  });
};

const askService = async (
  asking: Asking,
  checks: readonly Check[],
  container: StackContainer,
  exact: boolean,
): Promise<void> => {
  const { context, plan } = asking;
  const secrets = secretsOf(plan.stack.containers, plan.hooks);
  // At once: each has its own limit, and those who need the service are down.
  const asked = checks.map((check) =>
    askOne(asking, check, exact, (signal) =>
      askCheck(check, {
        engine: context.engine,
        container,
        hooks: plan.hooks,
        secrets,
        hostPaths: context.local,
        signal,
      }),
    ),
  );
  const failure = (await Promise.allSettled(asked)).find((one) => one.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
};

/**
 * The last look at a container before it is stopped or frozen: all that need it are down by then. One that is
 * frozen may have more to do than it has done, so its answers are near the copy and not of it.
 */
export const askBeforeQuiet = async (asking: Asking, id: string, action: 'stop' | 'pause'): Promise<void> => {
  const mine = checksOf(asking).filter(
    (check) => check.kind !== 'sqlite' && containerOf(check, asking.plan.stack)?.id === id,
  );
  const container = asking.plan.stack.containers.find((one) => one.id === id);
  if (container !== undefined && mine.length > 0)
    await askService(asking, mine, container, action === 'stop');
};

/** Those of services that run on, while the copy is made. */
const askTheRest = async (asking: Asking): Promise<void> => {
  const left = checksOf(asking).filter(({ kind }) => kind !== 'sqlite');
  for (const check of left) {
    const container = containerOf(check, asking.plan.stack);
    if (container !== undefined) await askService(asking, [check], container, false);
    else
      note(asking, check, {
        ok: false,
        problem: `service ${check.service} has no container in project ${asking.plan.stack.project}`,
        at: asking.now().toISOString(),
        exact: false,
        ms: 0,
      });
  }
};

/** Does `work`, and meanwhile asks the checks of services that run on. When one of the two fails, the other ends. */
export const whileAsking = async <Result>(
  asking: Asking,
  work: (context: RunContext) => Promise<Result>,
): Promise<Result> => {
  const { context } = asking;
  if (checksOf(asking).every(({ kind }) => kind === 'sqlite')) return work(context);
  let result: { readonly of: Result } | undefined;
  const both = [
    async (within: RunContext): Promise<void> => {
      result = { of: await work(within) };
    },
    (within: RunContext): Promise<void> => askTheRest({ ...asking, context: within }),
  ];
  await inLanes(both, both.length, context.signal, (one, signal) => one({ ...context, signal }));
  return (result as unknown as { readonly of: Result }).of;
};

/** In the order of the configuration, for the manifest. */
export const answersOf = ({ plan, book }: Pick<Asking, 'plan' | 'book'>): readonly ManifestCheck[] =>
  plan.instance.checks.flatMap(({ name }) => book.get(name) ?? []);
