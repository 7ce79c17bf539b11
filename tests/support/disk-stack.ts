import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Phase, RunEvent } from '../../src/base/events.ts';
import { readHistory } from '../../src/catalog/history.ts';
import type { RunRecord } from '../../src/run/record.ts';
import {
  composeText,
  holdersOf,
  hostHook,
  lasting,
  leftoversIn,
  snapshotsIn,
  writeConfig,
} from './backups.ts';
import { docker } from './containers.ts';
import { gateIn } from './gate.ts';
import { type LoopDisk, loopDisk } from './loop-disk.ts';
import {
  type RunningTool,
  runTool,
  type ScratchStack,
  scratchStack,
  spawnTool,
  type ToolResult,
} from './scratch.ts';
import { backupsOf, type Settings } from './trial.ts';
import { fingerprint } from './untouched.ts';

/**
 * `db` (always restarted) ← `app` (its volume lies behind a mount option, so that it is read through the
 * engine) · `frozen` is frozen for the copy. All end at once when they are told to.
 */
const yaml = (folder: string): string => {
  const service = {
    image: 'debian:bookworm-slim',
    command: ['sleep', 'infinity'],
    init: true,
    network_mode: 'host',
  };
  const options = { type: 'none', o: 'bind', device: `${folder}/far` };
  return composeText(
    {
      db: { ...service, restart: 'always', volumes: ['near:/data'] },
      app: {
        ...service,
        restart: 'on-failure:3',
        depends_on: ['db'],
        volumes: ['far:/data', './bound:/bound'],
      },
      frozen: { ...service, restart: 'unless-stopped', volumes: ['near:/data'] },
    },
    { volumes: { near: {}, far: { driver_opts: options } } },
  );
};

const rewrite = async (stack: ScratchStack): Promise<void> => {
  const format = '{{.Mountpoint}}';
  const near = await docker('volume', 'inspect', '--format', format, `${stack.project}_near`);
  for (let name = 0; name < 12; name++) await writeFile(join(near, String(name)), randomBytes(3000));
};

/** One backup, what was said of it, and what is there afterwards. */
export interface Attempt {
  readonly ended: ToolResult;
  readonly events: readonly RunEvent[];
  /** What it was at last. */
  readonly phase: Phase | undefined;
  readonly error: { readonly code: string; readonly message: string; readonly next?: string } | undefined;
  /** Codes of its warnings, once each. */
  readonly warnings: readonly string[];
  /** From the end of `meddle` until the last container was back, ms. */
  readonly backMs: number;
}

/** A small stack whose backups folder is a disk of its own, with one good snapshot on it. */
export interface DiskStack extends AsyncDisposable {
  readonly stack: ScratchStack;
  readonly disk: LoopDisk;
  readonly backups: string;
  /** Writes all data anew: what has not changed is shared with the snapshot before, and needs no room. */
  rewrite(): Promise<void>;
  /** Backs it up; `meddle` happens in a hook of that phase, after all checks. */
  attempt(
    meddle: (tool: RunningTool) => Promise<unknown>,
    phase?: string,
    settings?: Settings,
    args?: readonly string[],
  ): Promise<Attempt>;
  /**
   * What must be so after a fault: the same containers in the same states, with their restart policies; no
   * snapshot but the earlier ones, and these as they were to the last byte; no helper container.
   */
  expectUnharmed(attempt: Attempt): Promise<void>;
  /** Whether the containers are as they were before the last attempt. */
  isBack(): Promise<boolean>;
  /** No temporary folder, no journal; and the history has that run. */
  expectClean(attempt: Attempt): Promise<RunRecord>;
  /** The next backup is a good one, and clears away what the disk did not let the run before clear away. */
  expectNextGood(): Promise<void>;
}

const eventsOf = (stdout: string): readonly RunEvent[] =>
  stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as RunEvent);

const isBack = (event: RunEvent): boolean =>
  event.type === 'container' && ['started', 'unpaused', 'healthy'].includes(event.action);

const attemptOf = (ended: ToolResult, meddled: number): Attempt => {
  const events = eventsOf(ended.stdout);
  const back = events.filter(isBack).map((event) => Date.parse(event.at));
  return {
    ended,
    events,
    phase: events.findLast((event) => event.type === 'phase')?.phase,
    error: events.findLast((event) => event.type === 'error'),
    warnings: [...new Set(events.flatMap((event) => (event.type === 'warning' ? [event.code] : [])))],
    backMs: Math.max(0, ...back.map((at) => at - meddled)),
  };
};

/** `prepare` is done in the folder of the stack before it is started, and what it made goes before that; its volume lies in `far`, its bind in `bound`. */
export const diskStack = async (
  size: { readonly mib: number; readonly inodes?: number },
  prepare?: (folder: string) => Promise<AsyncDisposable>,
): Promise<DiskStack> => {
  const stack = await scratchStack('', { files: { 'far/file': 'far\n', 'bound/file': 'bound\n' } });
  await stack.write('compose.yaml', yaml(stack.folder));
  const backups = backupsOf(stack);
  const disk = await loopDisk(backups, size);
  let prepared: AsyncDisposable | undefined;
  const discard = async (): Promise<void> => {
    await prepared?.[Symbol.asyncDispose]();
    await disk[Symbol.asyncDispose]();
    await stack.down();
  };
  const good = async (): Promise<void> => {
    await writeConfig(stack.folder, {
      it: { project: stack.project, services: { frozen: { quiesce: 'pause' } } },
    });
    const ended = await runTool(['it'], { cwd: stack.folder });
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0);
    expect(await leftoversIn(backups)).toEqual([]);
  };
  try {
    prepared = await prepare?.(stack.folder);
    await stack.up();
    await rewrite(stack);
    await good();
  } catch (error) {
    await discard();
    throw error;
  }

  let before = '';
  let earlier: readonly (readonly string[] | undefined)[] = [];
  const containers = async (): Promise<string> => JSON.stringify(lasting(await stack.ps()), null, 1);
  const snapshots = async () =>
    Promise.all((await snapshotsIn(backups)).map((path) => fingerprint(path, { shared: true })));
  return {
    stack,
    disk,
    backups,
    rewrite: () => rewrite(stack),
    attempt: async (meddle, phase = 'while-stopped', settings = {}, args = []) => {
      before = await containers();
      earlier = await snapshots();
      await using gate = await gateIn(stack.folder);
      const hooks = [...(settings.hooks ?? []), hostHook('gate', gate.command, { phase })];
      await writeConfig(stack.folder, {
        it: { project: stack.project, services: { frozen: { quiesce: 'pause' } }, ...settings, hooks },
      });
      await using tool = spawnTool(['it', '--json', ...args], { cwd: stack.folder });
      await tool.line(/"hook-started".*"gate"/);
      await meddle(tool);
      const meddled = Date.now();
      await gate.open();
      return attemptOf(await tool.ended, meddled);
    },
    isBack: async () => (await containers()) === before,
    expectUnharmed: async ({ events, ended }) => {
      expect(await containers(), ended.stderr).toBe(before);
      expect(await snapshots()).toEqual(earlier);
      const run = events.find((event) => event.type === 'run-started')?.id;
      expect(await holdersOf(String(run))).toEqual([]);
    },
    expectClean: async ({ events }) => {
      expect(await leftoversIn(backups)).toEqual([]);
      const last = (await readHistory(backups)).at(-1);
      expect(last?.run).toBe(events.find((event) => event.type === 'run-started')?.id);
      return last as RunRecord;
    },
    expectNextGood: good,
    [Symbol.asyncDispose]: discard,
  };
};
