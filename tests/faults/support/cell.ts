import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunEvent } from '../../../src/base/events.ts';
import { runTool, spawnTool, type ToolResult } from '../../support/scratch.ts';
import { faultAt, guardianOf, type Passed, readTrace } from './boundaries.ts';
import { glance, goneWithin, sinceWhen } from './glance.ts';
import { type FaultKind, type Order, orderVariable } from './order.ts';
import type { FaultStack } from './stack.ts';
import { historyLength, problemsOf } from './survival.ts';

const inject = fileURLToPath(new URL('./inject.ts', import.meta.url));

export interface Fault {
  readonly kind: FaultKind;
  readonly at: string;
}

export interface Observed {
  readonly ended: ToolResult;
  readonly trace: readonly Passed[];
  readonly events: readonly RunEvent[];
}

const eventsOf = (stdout: string): readonly RunEvent[] =>
  stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as RunEvent);

/** Runs the tool under observation, and with a fault when there is one. */
export const observe = async (
  { stack, names }: FaultStack,
  command: readonly string[],
  fault?: Fault,
): Promise<Observed> => {
  const trace = join(stack.folder, 'trace');
  await rm(trace, { force: true });
  const order: Order = {
    trace,
    names,
    without: [`${stack.folder}/`, `${stack.project}_`, `${stack.project}-`],
    ...(fault === undefined ? {} : { fault }),
  };
  await using tool = spawnTool([...command, '--json'], {
    cwd: stack.folder,
    env: { [orderVariable]: JSON.stringify(order), NODE_OPTIONS: `--import=${inject}` },
  });
  const ended = await tool.ended;
  return { ended, trace: readTrace(await readFile(trace, 'utf8')), events: eventsOf(ended.stdout) };
};

/** What became of one fault. */
export interface Cell extends Fault {
  /** Nothing: it was survived. */
  readonly problems: readonly string[];
  /** From the fault, or from the start of `recover`, until all was as before, ms. */
  readonly backMs: number;
  readonly said: string;
}

const lastStep = (events: readonly RunEvent[]): number =>
  Math.max(
    0,
    ...events
      .filter((event) => event.type === 'container' && !['stopped', 'paused'].includes(event.action))
      .map((event) => Date.parse(event.at)),
  );

/** `recover`, and how long it took until the services were back. */
const recover = async ({ stack }: FaultStack) => {
  const from = Date.now();
  const { exitCode, stdout, stderr } = await runTool(['recover', '--json'], { cwd: stack.folder });
  const backMs = Math.max(0, lastStep(eventsOf(stdout)) - from);
  const problems = exitCode === 0 ? [] : [`recover ended with ${exitCode}: ${stderr}`];
  return { problems, backMs, said: stdout + stderr };
};

/** The guardian is at work after the tool's death; without one (too early, too late) the next command is. */
const guarded = async (target: FaultStack, { trace }: Observed, died: number, wanted: string) => {
  const guardian = guardianOf(trace);
  const gone = guardian === undefined ? Promise.resolve(true) : goneWithin(guardian, 30_000);
  const since = await sinceWhen(target.stack.project, wanted, gone);
  const problems = [
    ...((await gone) ? [] : ['the guardian is still there']),
    ...(since === undefined ? ['the services are not back after the guardian has gone'] : []),
  ];
  return { problems, backMs: since === undefined ? 0 : Math.max(0, since - died), said: '' };
};

const exitCodes: Readonly<Partial<Record<FaultKind, number>>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/** A fault that is no SIGKILL: the run itself has to put everything back, and to tell what happened. */
const byItself = ({ ended, events }: Observed, { kind }: Fault, at: number) => {
  const allowed = kind === 'error thrown' ? [0, 1, 3] : [exitCodes[kind], 0];
  const problems = allowed.includes(ended.exitCode) ? [] : [`exit code ${ended.exitCode}`];
  return { problems, backMs: Math.max(0, lastStep(events) - at), said: '' };
};

/** What a run cannot clean up it must name; then the next command has to be able to. */
const saysSomethingIsLeft = ({ events }: Observed): boolean =>
  events.some((event) => event.type === 'warning' && /^(journal|partial|holder)-left$/.test(event.code));

/** Does one fault to a backup of the stack, lets it be put right, and looks at everything. */
export const tryFault = async (target: FaultStack, fault: Fault): Promise<Cell> => {
  const wanted = await glance(target.stack.project);
  const known = await historyLength(target.backups);
  const observed = await observe(target, ['box'], fault);
  const at = faultAt(observed.trace);
  if (at === undefined)
    return { ...fault, problems: ['the boundary was not reached'], backMs: 0, said: observed.ended.stderr };
  const right =
    fault.kind === 'SIGKILL of the tool'
      ? await guarded(target, observed, at, wanted)
      : fault.kind.startsWith('SIGKILL')
        ? await recover(target)
        : byItself(observed, fault, at);
  const isLeft =
    saysSomethingIsLeft(observed) ||
    (fault.kind === 'SIGKILL of the tool' && guardianOf(observed.trace) === undefined);
  const later = isLeft ? await recover(target) : { problems: [], said: '' };
  const problems = [...right.problems, ...later.problems, ...(await problemsOf(target, observed, known))];
  return {
    ...fault,
    problems,
    backMs: right.backMs,
    said: [observed.ended.stdout, observed.ended.stderr, right.said, later.said].join('\n'),
  };
};
