import { rm } from 'node:fs/promises';
import { historyPath } from '../../../src/snapshot/layout.ts';
import { snapshotsIn } from '../../support/backups.ts';
import { glance } from './glance.ts';
import { faultAt, guardianOf } from './inject/boundaries.ts';
import type { Fault, FaultKind } from './inject/order.ts';
import { type Observed, observe } from './observe.ts';
import { byGuardian, byItself, type PutRight, recover } from './putting-right.ts';
import type { FaultStack } from './stack.ts';
import { historyLength, problemsOf } from './survival.ts';

/** What became of one fault. No problems: it was survived. */
export interface Cell extends Fault, PutRight {}

const unreached = (fault: Fault, { ended }: Observed): Cell => ({
  ...fault,
  problems: ['the boundary was not reached'],
  backMs: 0,
  said: ended.stdout + ended.stderr,
});

const putRight = (
  target: FaultStack,
  fault: Fault,
  observed: Observed,
  at: number,
  wanted: string,
): Promise<PutRight> | PutRight => {
  if (fault.kind === 'SIGKILL of the tool') return byGuardian(target, observed, at, wanted);
  if (fault.kind === 'SIGKILL of tool and guardian, then `recover`') return recover(target);
  return byItself(observed, fault, at);
};

/**
 * Whether the next command has something to do still: what a run could not clean up it has to name, and a
 * tool that was killed before it had a guardian has stopped nothing, but has written.
 */
const leavesSomething = (fault: Fault, { events, trace }: Observed): boolean =>
  events.some((event) => event.type === 'warning' && /^(journal|partial|holder)-left$/.test(event.code)) ||
  (fault.kind === 'SIGKILL of the tool' && guardianOf(trace) === undefined);

/**
 * What happens side by side does not always happen equally often: the second, third … boundary of a name may
 * be missing in a run. Such a run is a backup without a fault; then the next one is waited for.
 */
const reach = async (target: FaultStack, fault: Fault, attempts = 4): Promise<Observed> => {
  const observed = await observe(target, ['box'], fault);
  const isOver = faultAt(observed.trace) !== undefined || observed.ended.exitCode !== 0;
  if (isOver || attempts === 1 || !/\(\d+\)$/.test(fault.at)) return observed;
  for (const snapshot of await snapshotsIn(target.backups)) await rm(snapshot, { recursive: true });
  await rm(historyPath(target.backups));
  return await reach(target, fault, attempts - 1);
};

/** Does one fault to a backup of the stack, lets it be put right, and looks at everything. */
export const tryFault = async (target: FaultStack, fault: Fault): Promise<Cell> => {
  const [wanted] = await Promise.all([
    glance(target.stack.project),
    rm(historyPath(target.backups), { force: true }),
  ]);
  const observed = await reach(target, fault);
  const at = faultAt(observed.trace);
  if (at === undefined) return unreached(fault, observed);
  const right = await putRight(target, fault, observed, at, wanted);
  const later = leavesSomething(fault, observed) ? await recover(target) : undefined;
  const found = await problemsOf(target, observed, 0);
  return {
    ...fault,
    problems: [...right.problems, ...(later?.problems ?? []), ...found],
    backMs: right.backMs,
    said: [observed.ended.stdout, observed.ended.stderr, right.said, later?.said].join('\n'),
  };
};

/** A backup that nothing happens to. Its snapshot is removed: it is looked at by others. */
export const backUp = async (target: FaultStack): Promise<Observed> => {
  const observed = await observe(target, ['box']);
  for (const snapshot of await snapshotsIn(target.backups)) await rm(snapshot, { recursive: true });
  return observed;
};

/** In the window, when every service is quiet. */
export const whenAllIsQuiet = 'after naming backups/.stack-backup/runs/<run>.json copying';

/** Leaves a stack down, as a power cut would. */
export const leaveDown = (target: FaultStack): Promise<Observed> =>
  observe(target, ['box'], { kind: 'SIGKILL of tool and guardian, then `recover`', at: whenAllIsQuiet });

export const killedRecovery = 'SIGKILL of `recover`, then `recover` again' satisfies FaultKind;

/** Kills a recovery of a stack that was left down at one of the recovery's own boundaries, and recovers again. */
export const tryRecovery = async (target: FaultStack, at: string): Promise<Cell> => {
  const known = await historyLength(target.backups);
  const run = await leaveDown(target);
  const first = await observe(target, ['recover'], { kind: killedRecovery, at });
  if (faultAt(run.trace) === undefined) return unreached({ kind: killedRecovery, at: whenAllIsQuiet }, run);
  if (faultAt(first.trace) === undefined) return unreached({ kind: killedRecovery, at }, first);
  const right = await recover(target);
  const found = await problemsOf(target, run, known);
  const said = [run.ended.stdout, first.ended.stdout, right.said].join('\n');
  return { kind: killedRecovery, at, problems: [...right.problems, ...found], backMs: right.backMs, said };
};
