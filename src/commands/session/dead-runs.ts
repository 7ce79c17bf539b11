import type { Duration } from '../../base/duration.ts';
import { asStackBackupError, type StackBackupError } from '../../base/errors.ts';
import type { Emit, EventBody, RunEvent } from '../../base/events.ts';
import type { Waiting } from '../../base/lock.ts';
import { withoutSuspension } from '../../base/process/suspension.ts';
import { printable } from '../../base/text/printable.ts';
import type { Engine, EngineInfo } from '../../docker/engine.ts';
import { chooseListener } from '../../notify/choose.ts';
import type { RunRecord } from '../../run/record.ts';
import { recoverDeadRun } from '../../run/recovery/dead.ts';
import { type Found, findJournals, isDead, type Unusable } from '../../run/recovery/journals.ts';
import { mayBeQuiet } from '../../run/recovery/recover.ts';
import type { World } from './session.ts';

/** What lies in backups folders of runs that are over; those under way are not among it. */
export interface DeadRuns {
  readonly dead: readonly Found[];
  readonly unusable: readonly Unusable[];
}

/** Looks for what dead runs have left. No engine is asked, nothing is changed. */
export const lookForDead = async (folders: readonly string[]): Promise<DeadRuns> => {
  const found = (await Promise.all(folders.map(findJournals))).flat();
  return {
    dead: found.flatMap((one) => ('problem' in one || !isDead(one.journal) ? [] : [one])),
    unusable: found.flatMap((one) => ('problem' in one ? [one] : [])),
  };
};

/** The same, for commands whose own work it is not: a folder that cannot be read is theirs to complain of. */
export const glanceForDead = async (folders: readonly string[]): Promise<DeadRuns> => {
  const looked = await Promise.all(
    folders.map((folder) => lookForDead([folder]).catch((): DeadRuns => ({ dead: [], unusable: [] }))),
  );
  return {
    dead: looked.flatMap((one) => one.dead),
    unusable: looked.flatMap((one) => one.unusable),
  };
};

const say = (world: World, text: string): void =>
  void world.stderr.write(`stack-backup: ${printable(text)}\n`);

/** A journal that cannot be used is left where it is, and somebody has to look into it. */
export const tellUnusable = (world: World, unusable: readonly Unusable[]): void => {
  for (const { path, problem } of unusable) say(world, `journal ${path} is left alone: ${problem}`);
};

/** What a dead run has left, in words. */
export const leftBy = ({ journal }: Found): string => {
  const { id, phase, told, containers, kind } = journal;
  const names = containers.map((one) => one.name).join(', ');
  const what =
    kind === 'drill'
      ? 'its sandbox to be removed'
      : kind === 'into'
        ? 'what it has made of its copy to be removed'
        : mayBeQuiet(journal) && names !== ''
          ? `${names} to be looked after`
          : 'no container to be looked after';
  return `${id} ${told === undefined ? `died in phase ${phase}` : `ended (${told}) and left something`}: ${what}`;
};

const shown = (argument: string): string =>
  /^[\w./:@%+=-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;

/** The command that recovers what was found with these flags. */
const recoverCommand = ({ flags }: World): string =>
  [
    'stack-backup recover',
    ...(flags.config === undefined ? [] : ['--config', shown(flags.config)]),
    ...(flags.backups === undefined ? [] : ['--backups', shown(flags.backups)]),
  ].join(' ');

/** A run of another engine is none of this one's; but nobody else may ever come for it. */
export const tellElsewhere = (world: World, dead: readonly Found[], { id }: EngineInfo): void => {
  for (const { journal } of dead.filter((one) => one.journal.engine.id !== id))
    say(
      world,
      `the run ${journal.id} is of another engine, ${journal.engine.endpoint}: point DOCKER_HOST or the docker context at it to recover it`,
    );
};

/** For a dry run, which changes nothing: a line for each dead run, with the next step. Services may be down. */
export const tellOfDead = async (world: World, folders: readonly string[]): Promise<DeadRuns> => {
  const looked = await glanceForDead(folders);
  tellUnusable(world, looked.unusable);
  for (const found of looked.dead)
    say(world, `the run ${leftBy(found)}; \`${recoverCommand(world)}\` or the next command does it`);
  return looked;
};

/** The same where they should have been finished, and `why` they were not. */
export const tellUnfinished = (world: World, dead: readonly Found[], why: string): void => {
  for (const found of dead)
    say(
      world,
      `the run ${leftBy(found)}; not now: ${why}. \`${recoverCommand(world)}\` or the next command does it`,
    );
};

export interface RecoverOptions {
  /** Events on standard output with `--json`; false for a command that prints one document there. */
  readonly asEvents: boolean;
  /** For the lock of somebody who is at the same work. */
  readonly waiting?: Waiting;
  /** How long an engine that goes away meanwhile is waited for, ms; as long as a run does unless told. */
  readonly engineMs?: Duration;
  /** The restore of which the data is taken as it stands. */
  readonly asIs?: string | undefined;
}

/** What became of the dead runs that were found. */
export interface Recoveries {
  readonly records: readonly RunRecord[];
  /** Those that could not be recovered, `locked` for one that somebody else is at. */
  readonly failures: readonly { readonly found: Found; readonly error: StackBackupError }[];
}

/** Tells listeners of a recovery as of a run. */
const listening = async <T>(
  world: World,
  instance: string,
  asEvents: boolean,
  work: (emit: Emit) => Promise<T>,
): Promise<T> => {
  const { stdout, stderr, flags } = world;
  const listener = chooseListener({ ...flags, json: flags.json && asEvents, stdout, stderr });
  try {
    return await work((event: EventBody): void =>
      listener.on({ ...event, at: world.clock.now().toISOString(), instance } as RunEvent),
    );
  } finally {
    listener.close();
  }
};

/**
 * Finishes those dead runs that are of this engine, each under the lock of its project. One that cannot be
 * finished does not keep the others from it.
 */
export const recoverFound = async (
  { world, engine, info }: { readonly world: World; readonly engine: Engine; readonly info: EngineInfo },
  dead: readonly Found[],
  { asEvents, waiting, engineMs, asIs }: RecoverOptions,
): Promise<Recoveries> => {
  using _ = withoutSuspension();
  const records: RunRecord[] = [];
  const failures: Recoveries['failures'][number][] = [];
  for (const found of dead.filter(({ journal }) => journal.engine.id === info.id)) {
    if (world.signal.aborted) break;
    try {
      const tools = { engine, info, clock: world.clock, ...(engineMs === undefined ? {} : { engineMs }) };
      const record = await listening(world, found.journal.instance, asEvents, (emit) =>
        recoverDeadRun(found, { ...tools, emit, asIs: found.journal.id === asIs }, waiting),
      );
      if (record !== undefined) records.push(record);
    } catch (thrown) {
      failures.push({ found, error: asStackBackupError(thrown) });
    }
  }
  return { records, failures };
};

/** Of what could not be finished is told, unless somebody else is at it. */
export const tellFailures = (world: World, { records, failures }: Recoveries): Recoveries => {
  const told = failures.filter(({ error }) => error.code !== 'locked');
  for (const { found, error } of told)
    say(world, `the run ${found.journal.id} could not be recovered: ${error.message}`);
  return { records, failures: told };
};

/**
 * What every command that talks to the engine does first: dead runs in these folders are finished. What
 * somebody else is at is left to them; what cannot be finished is told.
 */
export const recoverFirst = async (
  session: { readonly world: World; readonly engine: Engine; readonly info: EngineInfo },
  folders: readonly string[],
  asEvents: boolean,
): Promise<Recoveries> => {
  const looked = await glanceForDead(folders);
  tellUnusable(session.world, looked.unusable);
  // Nobody waits for them, and an engine that refuses says so at the next step.
  await session.engine.removeDeadReaders().catch(() => undefined);
  return tellFailures(session.world, await recoverFound(session, looked.dead, { asEvents }));
};
