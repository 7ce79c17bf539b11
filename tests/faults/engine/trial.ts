import { join } from 'node:path';
import type { RunEvent } from '../../../src/base/events.ts';
import { readHistory } from '../../../src/catalog/history.ts';
import type { RunRecord } from '../../../src/run/record.ts';
import { hostHook, leftoversIn, snapshotsIn, writeConfig } from '../../support/backups.ts';
import { type Gate, gateIn } from '../../support/gate.ts';
import { guardiansOf } from '../../support/guardians.ts';
import { type RunningTool, type ScratchStack, spawnTool, type ToolResult } from '../../support/scratch.ts';

export const backupsOf = (stack: ScratchStack): string => join(stack.folder, 'backups');

const eventsOf = ({ stdout }: Pick<ToolResult, 'stdout'>): readonly RunEvent[] =>
  stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as RunEvent);

/** When the last container was on its way again, ms since 1970. */
export const lastBack = (ended: ToolResult): number =>
  Math.max(
    0,
    ...eventsOf(ended)
      .filter((event) => event.type === 'container' && !['stopped', 'paused'].includes(event.action))
      .map((event) => Date.parse(event.at)),
  );

/** What a run of the tool came to. */
export interface Trial {
  readonly ended: ToolResult;
  readonly events: readonly RunEvent[];
  /** Snapshots that were not there before. */
  readonly made: readonly string[];
  /** Temporary folders and journals that lie there now. */
  readonly left: readonly string[];
  /** Lines that the history has got. */
  readonly remembered: readonly RunRecord[];
}

/** Begins a backup of the stack with a gate in the window; `meanwhile` happens while it is under way. */
export const backUp = async (
  stack: ScratchStack,
  settings: Readonly<Record<string, unknown>>,
  meanwhile: (tool: RunningTool, gate: Gate) => Promise<unknown>,
): Promise<Trial> => {
  const backups = backupsOf(stack);
  await using gate = await gateIn(stack.folder);
  const hooks = [hostHook('gate', gate.command)];
  await writeConfig(stack.folder, { it: { project: stack.project, hooks, ...settings } });
  const earlier = await snapshotsIn(backups);
  const known = (await readHistory(backups)).length;
  await using tool = spawnTool(['it', '--json'], { cwd: stack.folder });
  await meanwhile(tool, gate);
  const ended = await tool.ended;
  return {
    ended,
    events: eventsOf(ended),
    made: (await snapshotsIn(backups)).filter((path) => !earlier.includes(path)),
    left: await leftoversIn(backups),
    remembered: (await readHistory(backups)).slice(known),
  };
};

/** All is quiet, and the run waits at its gate. */
export const atGate = (tool: RunningTool): Promise<string> => tool.line(/"hook-started"/);

export const warningsOf = ({ events }: Trial): readonly string[] =>
  events.flatMap((event) => (event.type === 'warning' ? [event.code] : []));

/** Pid of the guardian that stands by for runs of this backups folder. */
export const guardianOf = async (backups: string): Promise<number> => {
  const [pid] = await guardiansOf(backups);
  if (pid === undefined) throw new Error(`nobody guards ${backups}`);
  return pid;
};
