import { runTool } from '../../support/scratch.ts';
import { goneWithin, sinceWhen } from './glance.ts';
import { guardianOf } from './inject/boundaries.ts';
import type { Fault } from './inject/order.ts';
import { eventsOf, lastStep, type Observed } from './observe.ts';
import type { FaultStack } from './stack.ts';

/** How services came back after a fault. */
export interface PutRight {
  readonly problems: readonly string[];
  /** From the fault, or from the start of `recover`, until all services were back, ms. */
  readonly backMs: number;
  readonly said: string;
}

/** `recover`. It ends with 3 when the dead run's snapshot was complete. */
export const recover = async ({ stack }: FaultStack): Promise<PutRight> => {
  const from = Date.now();
  const { exitCode, stdout, stderr } = await runTool(['recover', '--json'], { cwd: stack.folder });
  const backMs = Math.max(0, lastStep(eventsOf(stdout)) - from);
  const problems = exitCode === 0 || exitCode === 3 ? [] : [`recover ended with ${exitCode}: ${stderr}`];
  return { problems, backMs, said: stdout + stderr };
};

/** The guardian, which is at work after the tool's death (`died`, ms since 1970) until it ends. */
export const byGuardian = async (
  { stack }: FaultStack,
  { trace }: Observed,
  died: number,
  wanted: string,
): Promise<PutRight> => {
  const guardian = guardianOf(trace);
  const gone = guardian === undefined ? Promise.resolve(true) : goneWithin(guardian, 30_000);
  const since = await sinceWhen(stack.project, wanted, gone);
  const problems = [
    ...((await gone) ? [] : ['the guardian is still there']),
    ...(since === undefined ? ['the services are not back after the guardian has gone'] : []),
  ];
  return { problems, backMs: since === undefined ? 0 : Math.max(0, since - died), said: '' };
};

/** 0: it was too late to make a difference. */
const exitCodes: Readonly<Record<string, readonly number[]>> = {
  SIGINT: [130, 0],
  SIGTERM: [143, 0],
  SIGHUP: [129, 0],
  'error thrown': [1, 3, 0],
};

/** The run itself, at all faults that leave it time to. */
export const byItself = ({ ended, events }: Observed, { kind }: Fault, at: number): PutRight => {
  const problems = exitCodes[kind]?.includes(ended.exitCode) ? [] : [`exit code ${ended.exitCode}`];
  return { problems, backMs: Math.max(0, lastStep(events) - at), said: '' };
};
