import { type ErrorCode, StackBackupError } from '../../base/errors.ts';
import type { Emit, EventBody, Outcome, RunEvent } from '../../base/events.ts';
import type { Instance } from '../../config/types.ts';
import type { Listener } from '../../notify/choose.ts';
import type { RunRecord } from '../../run/record.ts';
import type { Found } from '../../run/recovery/journals.ts';
import { isHalfRestored } from '../../run/recovery/recover.ts';
import type { Recoveries } from './dead-runs.ts';
import { codeOfError, codeOfOutcome, errorToTell, exitCode } from './exit.ts';
import type { World } from './session.ts';

/** A second Ctrl-C changes nothing, and says so. */
export const onInsisting = (world: World, emit: Emit): (() => void) => {
  const tell = (): void =>
    emit({
      type: 'warning',
      code: 'ending',
      notice: true,
      message:
        'the run is ending: what ran before it is brought back first, and further signals change nothing',
    });
  world.insisted.addEventListener('abort', tell, { once: true });
  return () => world.insisted.removeEventListener('abort', tell);
};

/** What an earlier run has left down counts, however good the new snapshot is. */
export const codesOf = ({ records, failures }: Recoveries): number[] => [
  ...records.filter(({ outcome }) => outcome === 'services-down').map(() => exitCode.servicesDown),
  ...failures.map(({ error }) => codeOfError(error.code, undefined)),
];

/**
 * Neither a snapshot of data that is half restored is taken, nor is another one put over it: the journal of the
 * restore that died would set it back afterwards.
 */
export const assertWhole = ({ records, failures }: Recoveries, instance: Instance): void => {
  const half = records.find(
    (one) => one.restore?.data === 'half-restored' && one.project === instance.project,
  );
  if (half !== undefined) throw isHalf(instance, half.run);
  assertNoneHalf(
    failures.map(({ found }) => found),
    instance,
  );
};

/** The same, by the journals of dead runs that are there. */
export const assertNoneHalf = (dead: readonly Found[], instance: Instance): void => {
  const half = dead.find(({ journal }) => isHalfRestored(journal) && journal.project === instance.project);
  if (half !== undefined) throw isHalf(instance, half.journal.id);
};

const isHalf = ({ name }: Instance, run: string): StackBackupError =>
  new StackBackupError(
    'services-down',
    `the data of ${name} is half restored, since the restore ${run} could be brought to neither end`,
    {
      next: `Put right what it complains of, then \`stack-backup recover\`. Where that cannot be, put the data right by hand; \`stack-backup recover --as-is ${run}\` then starts what ran on it.`,
    },
  );

/** Listens for runs that began and did not end: a check that fails throws, and somebody has to end the run. */
const openRun = (world: World, emit: Emit) => {
  let since: number | undefined;
  let warnings = 0;
  const tell: Emit = (event) => {
    if (event.type === 'run-started') since = world.clock.tick();
    if (event.type === 'run-finished') since = undefined;
    if (event.type === 'warning' && event.notice !== true) warnings++;
    emit(event);
  };
  const end = (outcome: Outcome): void => {
    if (since === undefined) return;
    const totalMs = Math.round(world.clock.tick() - since);
    tell({
      type: 'run-finished',
      outcome,
      bytes: 0,
      files: 0,
      downtimeMs: 0,
      windowMs: 0,
      totalMs,
      warnings,
    });
  };
  return { tell, end };
};

/** A check that failed before anything was touched is told like any other error of a run. */
export const codeOfOne = async (
  world: World,
  work: (tell: Emit) => Promise<RunRecord>,
  emit: Emit,
): Promise<number> => {
  const { tell, end } = openRun(world, emit);
  try {
    const record = await work(tell);
    return codeOfOutcome(record.outcome, record.error?.code as ErrorCode | undefined, world.interruptedBy());
  } catch (thrown) {
    const error = errorToTell(thrown, world.signal);
    tell({
      type: 'error',
      code: error.code,
      message: error.message,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
    end(error.code === 'interrupted' ? 'interrupted' : 'failed');
    return codeOfError(error.code, world.interruptedBy());
  }
};

/** Stamps events with the time and the instance on their way to a listener. */
export const emitTo =
  (world: World, listener: Listener, instance: string): Emit =>
  (event: EventBody): void =>
    listener.on({ ...event, at: world.clock.now().toISOString(), instance } as RunEvent);
