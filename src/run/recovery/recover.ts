import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { fsyncDirectory, removeTree } from '../../base/disk.ts';
import { messageOf } from '../../base/errors.ts';
import type { Emit, Phase, Warning } from '../../base/events.ts';
import { instanceFromRunning } from '../../config/resolve.ts';
import type { ContainerDetails, Engine } from '../../docker/engine.ts';
import { statusOf } from '../../docker/failure.ts';
import { lifecycleOf, modelOf } from '../../stack/model.ts';
import { projectContainers } from '../../stack/observe.ts';
import type { RunContext } from '../context.ts';
import type { Journal } from '../journal.ts';
import { type Ledger, type LedgerEntry, newLedger } from '../quiet/ledger.ts';
import { bringBack } from '../quiet/start.ts';
import type { WayBack } from '../quiet/way-back.ts';
import { type DownContainer, downOf, type RunRecord } from '../record.ts';
import { endOrphans } from './orphans.ts';

/** In these phases containers may be stopped or frozen; before and after them everything runs. */
const quietPhases: readonly Phase[] = ['stopping', 'while-stopped', 'copying', 'starting'];

export const mayBeQuiet = (journal: Journal): boolean => quietPhases.includes(journal.phase);

export interface RecoveryTools {
  readonly engine: Engine;
  readonly local: boolean;
  readonly clock: Clock;
  readonly emit: Emit;
}

const inspected = async (engine: Engine, id: string): Promise<ContainerDetails | undefined> => {
  try {
    return await engine.inspect(id);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
};

/**
 * A stop that the dead run had asked for goes on in the engine without it, and a start would be lost in it:
 * so it is waited for. The restart policy tells whether it may have been asked for.
 */
const finishStop = async (engine: Engine, entry: LedgerEntry, now: ContainerDetails): Promise<boolean> => {
  const mayHaveBeenAsked = entry.policyHeld || entry.container.restartPolicy.name === 'no';
  if (now.state !== 'running' || !mayHaveBeenAsked) return false;
  await engine.stop(entry.container.id);
  return true;
};

/** Fills one line of the ledger from what the container is now: only what the dead run did has to be undone. */
const judge = async (journal: Journal, tools: RecoveryTools, entry: LedgerEntry): Promise<void> => {
  const { container } = entry;
  const now = await inspected(tools.engine, container.id);
  const asked = tools.clock.tick();
  if (now === undefined) {
    entry.askedAt = asked; // its start will say that it is gone
    return;
  }
  entry.policyHeld = container.restartPolicy.name !== 'no' && now.restartPolicy.name === 'no';
  if (now.startedAt !== container.startedAt) return; // somebody has started it since
  if (container.action === 'pause') {
    if (now.state === 'paused') entry.askedAt = asked;
    return;
  }
  const isStopped =
    now.state === 'exited' || (journal.phase === 'stopping' && (await finishStop(tools.engine, entry, now)));
  if (isStopped) entry.askedAt = asked;
};

/** The `post_start` hooks come from the compose files again: a journal keeps no commands, they may hold secrets. */
const wayBackOf = async (journal: Journal, tools: RecoveryTools): Promise<WayBack> => {
  const containers = await projectContainers(tools.engine, journal.project);
  const instance = instanceFromRunning(journal.project, dirname(journal.folder), 'UTC');
  const model = await modelOf(instance, containers).catch(() => undefined);
  const lifecycle = lifecycleOf(model?.model);
  return {
    ...journal.wayBack,
    project: journal.project,
    postStart: (service) => lifecycle[service]?.postStart ?? [],
  };
};

const bringContainersBack = async (
  journal: Journal,
  tools: RecoveryTools,
  context: RunContext,
): Promise<Ledger> => {
  const ledger = newLedger(journal.containers);
  if (!mayBeQuiet(journal)) return ledger;
  await Promise.all([...ledger.values()].map((entry) => judge(journal, tools, entry)));
  await bringBack(context, await wayBackOf(journal, tools), ledger);
  return ledger;
};

const removeJournal = async (path: string): Promise<void> => {
  await rm(path, { force: true });
  await fsyncDirectory(dirname(path));
};

const recordOf = (
  journal: Journal,
  clock: Clock,
  down: readonly DownContainer[],
  warnings: readonly Warning[],
): RunRecord => {
  const finished = clock.now();
  return {
    version: 1,
    run: journal.id,
    instance: journal.instance,
    project: journal.project,
    snapshot: journal.snapshot,
    type: journal.type,
    tags: {},
    started: journal.started,
    finished: finished.toISOString(),
    outcome: down.length > 0 ? 'services-down' : 'failed',
    error: {
      code: 'died',
      message: `the run died in phase ${journal.phase} (its process, pid ${journal.process.pid}, was gone); it was recovered`,
    },
    bytes: 0,
    files: 0,
    downtimeMs: 0,
    windowMs: 0,
    totalMs: Math.max(0, finished.getTime() - Date.parse(journal.started)),
    down,
    warnings,
  };
};

/**
 * Finishes a run whose process is gone: services first (in start order, with health, restart policies and
 * frozen states as they were), then what it left behind: its processes, helper containers, partial folder,
 * journal. Never touches a container that somebody has started since. The journal stays when a container
 * could not be started, so that the next recovery tries again. The caller holds the instance's lock.
 */
export const recoverRun = async (
  path: string,
  journal: Journal,
  tools: RecoveryTools,
): Promise<RunRecord> => {
  const warnings: Warning[] = [];
  const warn = (warning: Warning): void => {
    warnings.push(warning);
    tools.emit({ type: 'warning', ...warning });
  };
  const context: RunContext = { ...tools, signal: new AbortController().signal, warn };
  const ledger = await bringContainersBack(journal, tools, context);
  const down = downOf(ledger);
  await endOrphans(journal.id);
  for (const clean of [() => tools.engine.removeHolders(journal.id), () => removeTree(journal.folder)])
    await clean().catch((error) => warn({ code: 'leftover', message: messageOf(error) }));
  if (down.length === 0) await removeJournal(path);
  return recordOf(journal, tools.clock, down, warnings);
};
