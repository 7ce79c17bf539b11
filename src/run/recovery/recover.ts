import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { removeTree } from '../../base/disk.ts';
import type { Duration } from '../../base/duration.ts';
import { messageOf } from '../../base/errors.ts';
import type { DataState, Emit, Phase, Warning } from '../../base/events.ts';
import type { Engine } from '../../docker/engine.ts';
import type { RunContext } from '../context.ts';
import { type Journal, returning, writeJournal } from '../journal.ts';
import { noteFirst } from '../quiet/back/begin.ts';
import { defaultEngineMs, patientContext } from '../quiet/back/patience.ts';
import { type Ledger, newLedger } from '../quiet/ledger.ts';
import { bringBack } from '../quiet/start.ts';
import type { SettledData } from '../restore/data/settle-data.ts';
import { judge } from './back/judge.ts';
import { postStartOf } from './back/post-start.ts';
import type { Found } from './journals.ts';
import { endOrphans } from './orphans.ts';

/** In these phases containers may be stopped or frozen; before and after them everything runs. */
const quietPhases: readonly Phase[] = [
  'stopping',
  'while-stopped',
  'copying',
  'securing',
  'restoring',
  'loading',
  'rolling-back',
  'starting',
];

/** In these the data of a restore is neither the old nor the new. */
const halfPhases: readonly Phase[] = ['restoring', 'loading', 'rolling-back'];

/** The data of a restore is neither the old nor the new. One that was on its way back had not touched it. */
export const isHalfRestored = ({ kind, phase, returning: isReturning }: Journal): boolean =>
  kind === 'restore' && halfPhases.includes(phase) && isReturning !== true;

export const mayBeQuiet = (journal: Journal): boolean => quietPhases.includes(journal.phase);

/** How long the services wait for the processes of the dead run to be ended; /proc of one that hangs may hang, too. */
const orphansMs = 1_000;

export interface RecoveryTools {
  readonly engine: Engine;
  /** The engine's paths are this machine's paths. */
  readonly local: boolean;
  readonly clock: Clock;
  readonly emit: Emit;
  /** How long an engine that goes away meanwhile is waited for, ms; as long as a run does unless told. */
  readonly engineMs?: Duration;
  /** Data that a restore has left half-way is taken as it stands. */
  readonly asIs?: boolean;
}

/** What a recovery is given besides. */
interface WithIt {
  /** Removes what the run has left that only its kind knows of. */
  readonly also?: (engine: Engine) => Promise<void>;
  /** Where the journal lies. */
  readonly found?: Pick<Found, 'backups' | 'path' | 'isOurs'>;
}

/** What a recovery did, before anybody is told. */
export interface Recovered {
  readonly context: RunContext;
  readonly ledger: Ledger;
  /** The list that `context.warn` adds to. */
  readonly warnings: readonly Warning[];
  /** Helper containers and partial folder are gone. */
  readonly isClean: boolean;
  /** What became of the data that a restore was to overwrite. */
  readonly data?: DataState;
}

/** Of a recovery that is killed between a start and what comes after it, the next one has to know. */
const hasMoreThanStarts = ({ containers, wayBack }: Journal): boolean =>
  wayBack.postStart?.length !== 0 || containers.some(({ stateBefore }) => stateBefore === 'paused');

/**
 * Brings back what a run has left down, unless its data is half restored. Each container is judged first: what has
 * come back, or was somebody else's since, is left alone.
 */
export const bringContainersBack = async (
  journal: Journal,
  context: RunContext,
  data: SettledData | undefined,
  note: (journal: Journal) => Promise<void> = async () => undefined,
): Promise<Ledger> => {
  const ledger = newLedger(journal.containers);
  if (!mayBeQuiet(journal) || ledger.size === 0) return ledger;
  const { engine, warn } = context;
  await Promise.all([...ledger.values()].map((entry) => judge(journal, context, entry)));
  for (const id of data?.stopped.keys() ?? []) {
    const entry = ledger.get(id);
    if (entry !== undefined) entry.askedAt ??= context.clock.tick();
  }
  if (data?.data === 'half-restored') return leftDown(ledger, data);
  if (hasMoreThanStarts(journal))
    await noteFirst(ledger, (untouched) => note({ ...journal, ...returning(journal, untouched) }));
  const postStart = postStartOf(journal, engine, warn);
  await bringBack(context, { ...journal.wayBack, project: journal.project, postStart }, ledger);
  return ledger;
};

/** Nothing runs on data that is half restored. */
const leftDown = (ledger: Ledger, { problems }: SettledData): Ledger => {
  for (const entry of ledger.values())
    if (entry.ended !== true && entry.container.ended !== true)
      entry.down = `it was not started, because its data is half restored (${problems.join('; ')})`;
  return ledger;
};

/** Brings the data of a restore that died to one of its two ends; undefined when it was at one already. */
const settledData = async (
  journal: Journal,
  context: RunContext,
  found: Pick<Found, 'backups' | 'path' | 'isOurs'> | undefined,
  asIs: boolean | undefined,
): Promise<SettledData | undefined> => {
  if (found === undefined || !isHalfRestored(journal)) return undefined;
  // Loaded only now: few runs that die are restores, and the services of all others do not wait for it.
  const { settleDead } = await import('../restore/data/dead.ts');
  return settleDead(journal, context, found, asIs);
};

/**
 * Undoes what a run whose process is gone has left: services first (in start order, with health, restart
 * policies and frozen states as they were; before them the data of a restore that stands half-way), then what
 * `also` removes, its helper containers and partial folder. Never touches a container that somebody has started
 * since. The caller holds the instance's lock.
 */
export const recoverRun = async (
  journal: Journal,
  tools: RecoveryTools,
  { also = async () => undefined, found }: WithIt = {},
): Promise<Recovered> => {
  const warnings: Warning[] = [];
  const warn = (warning: Warning): void => {
    warnings.push(warning);
    tools.emit({ type: 'warning', ...warning });
  };
  const signal = new AbortController().signal; // nothing interrupts it
  const context = patientContext({ ...tools, signal, warn }, tools.engineMs ?? defaultEngineMs);
  // Before the services: a hook on the host may be at work on their data. It takes milliseconds.
  await Promise.race([endOrphans(journal.id), pause(orphansMs, undefined, { ref: false })]);
  const settled = await settledData(journal, context, found, tools.asIs);
  // Where data had to be settled, the journal has been written already, and says so. Written by this process, one
  // that somebody else may have made up would be believed the next time.
  const note = (to: Journal): Promise<void> =>
    found?.isOurs !== true || settled !== undefined ? Promise.resolve() : writeJournal(found.path, to);
  const ledger = await bringContainersBack(journal, context, settled, note);
  const data =
    settled?.data ?? (journal.kind === 'restore' ? (journal.restore?.data ?? 'untouched') : undefined);
  if (data === 'restored' && found !== undefined && journal.restore?.loading !== undefined) {
    const { isUnwell, settleDeadLoads } = await import('../restore/data/loaded.ts');
    const isWell = !isUnwell(warnings, ledger);
    await settleDeadLoads(journal, context, { local: tools.local, isOurs: found.isOurs, isWell });
  }
  let isClean = true;
  // Not the engine itself: who waits for it ten seconds does not wait for these longer.
  const { engine } = context;
  const leftovers = [
    () => also(engine),
    () => engine.removeHolders(journal.id),
    () => removeTree(journal.folder),
  ];
  for (const clean of leftovers)
    await clean().catch((error) => {
      isClean = false;
      warn({ code: 'leftover', message: messageOf(error) });
    });
  return { context, ledger, warnings, isClean, ...(data === undefined ? {} : { data }) };
};
