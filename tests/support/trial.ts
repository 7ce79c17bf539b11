import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunRecord } from '../../src/run/record.ts';
import { hostHook, lastRun, leftoversIn, snapshotsIn, writeConfig } from './backups.ts';
import { gateIn } from './gate.ts';
import {
  type ContainerState,
  type RunningTool,
  type ScratchStack,
  spawnTool,
  type ToolResult,
} from './scratch.ts';

/** Settings of one instance, as in the configuration. */
export type Settings = Readonly<Record<string, unknown>> & { readonly hooks?: readonly object[] };

/** What one backup of a stack came to. */
export interface Trial {
  readonly ended: ToolResult;
  readonly before: readonly ContainerState[];
  readonly after: readonly ContainerState[];
  /** Snapshots that were not there before. */
  readonly made: readonly string[];
  /** Temporary folders and journals that lie there now. */
  readonly left: readonly string[];
  /** The newest line of the history. */
  readonly record: RunRecord;
}

export const backupsOf = (stack: ScratchStack): string => join(stack.folder, 'backups');

/** Backs the stack up as the instance `it`; `meanwhile` happens while the tool is at work. */
export const backUpWith = async (
  stack: ScratchStack,
  settings: Settings,
  meanwhile: (tool: RunningTool) => Promise<unknown> = async () => undefined,
): Promise<Trial> => {
  const backups = backupsOf(stack);
  await writeConfig(stack.folder, { it: { project: stack.project, ...settings } });
  const before = await stack.ps();
  const earlier = await snapshotsIn(backups);
  await using tool = spawnTool(['it'], { cwd: stack.folder });
  await meanwhile(tool);
  const ended = await tool.ended;
  const record = await lastRun(backups).catch((error: Error) => {
    throw new Error(`${error.message}\n${ended.stdout}${ended.stderr}`);
  });
  return {
    ended,
    before,
    after: await stack.ps(),
    made: (await snapshotsIn(backups)).filter((path) => !earlier.includes(path)),
    left: await leftoversIn(backups),
    record,
  };
};

/** Does `meddle` in the window (everything is quiet, the copy has not begun), or in another phase of hooks. */
export const meddleWith = async (
  stack: ScratchStack,
  settings: Settings,
  meddle: () => Promise<unknown>,
  phase = 'while-stopped',
): Promise<Trial> => {
  await using gate = await gateIn(stack.folder);
  const hooks = [...(settings.hooks ?? []), hostHook('gate', gate.command, { phase })];
  return await backUpWith(stack, { ...settings, hooks }, async (tool) => {
    await tool.line(/hook gate .* begins/);
    await meddle();
    await gate.open();
  });
};

/** Whether a process is at work still. A dead one that nobody has waited for is not. */
export const isAtWork = async (pid: number): Promise<boolean> => {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  const state = text.slice(text.lastIndexOf(')') + 2)[0];
  return state !== undefined && state !== 'Z';
};
