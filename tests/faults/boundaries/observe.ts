import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEvent } from '../../../src/base/events.ts';
import { builtInject } from '../../support/built.ts';
import { spawnTool, type ToolResult } from '../../support/scratch.ts';
import { type Passed, readTrace } from './inject/boundaries.ts';
import { type Fault, type Order, orderVariable } from './inject/order.ts';
import type { FaultStack } from './stack.ts';

/** A run of the tool, seen from outside. */
export interface Observed {
  readonly ended: ToolResult;
  readonly trace: readonly Passed[];
  readonly events: readonly RunEvent[];
}

export const eventsOf = (stdout: string): readonly RunEvent[] =>
  stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as RunEvent);

/** Runs the tool under observation, and with a fault when there is one. */
export const observe = async (
  {
    stack,
    names,
  }: Pick<FaultStack, 'names'> & {
    readonly stack: Pick<FaultStack['stack'], 'folder' | 'project'>;
  },
  command: readonly string[],
  fault?: Fault,
  env: Readonly<Record<string, string>> = {},
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
    env: { ...env, [orderVariable]: JSON.stringify(order), NODE_OPTIONS: `--import=${builtInject}` },
  });
  const ended = await tool.ended;
  // A command that has nothing to do passes no boundary.
  const passed = await readFile(trace, 'utf8').catch(() => '');
  return { ended, trace: readTrace(passed), events: eventsOf(ended.stdout) };
};

/** When the last container was back, as the tool told it (ms since 1970); 0 when none was. */
export const lastStep = (events: readonly RunEvent[]): number =>
  Math.max(
    0,
    ...events
      .filter((event) => event.type === 'container' && !['stopped', 'paused'].includes(event.action))
      .map((event) => Date.parse(event.at)),
  );
