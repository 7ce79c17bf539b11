import { StackBackupError } from '../base/errors.ts';
import type { EventBody, RunEvent } from '../base/events.ts';
import { acquireLock } from '../base/lock.ts';
import { printable } from '../base/text/printable.ts';
import { connectEngine } from '../docker/dockerode.ts';
import type { Engine } from '../docker/engine.ts';
import { chooseListener } from '../notify/choose.ts';
import { appendHistory } from '../run/history.ts';
import type { Journal } from '../run/journal.ts';
import { closingEvents, type RunRecord } from '../run/record.ts';
import { findJournals, isDead } from '../run/recovery/journals.ts';
import { mayBeQuiet, recoverRun } from '../run/recovery/recover.ts';
import { backupsFolders } from './session/backups.ts';
import { exitCode } from './session/exit.ts';
import type { World } from './session/session.ts';

interface Dead {
  readonly backups: string;
  readonly path: string;
  readonly journal: Journal;
}

const pollMs = 500;

/** The engine, once it answers: at boot it may still be on its way up. */
const engineWhenReady = async (world: World): Promise<Engine> => {
  for (;;) {
    try {
      return await connectEngine();
    } catch (error) {
      if (!(error instanceof StackBackupError) || error.code !== 'engine-unreachable') throw error;
      world.signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
};

/** Journals of dead runs of this engine. One that cannot be used is told and left where it is. */
const deadRuns = async (
  world: World,
  folders: readonly string[],
  engineId: string,
): Promise<readonly Dead[]> => {
  const dead: Dead[] = [];
  for (const backups of folders)
    for (const { path, journal, problem } of await findJournals(backups)) {
      if (problem !== undefined)
        world.stderr.write(`stack-backup: journal ${printable(path)} is left alone: ${printable(problem)}\n`);
      else if (journal !== undefined && journal.engine.id === engineId && isDead(journal))
        dead.push({ backups, path, journal });
    }
  return dead;
};

const recoverOne = async (
  world: World,
  engine: Engine,
  { backups, path, journal }: Dead,
): Promise<RunRecord> => {
  const { id, local } = await engine.info();
  await using _lock = await acquireLock(`${id}/${journal.project}`, journal.instance, world.clock.now());
  const listener = chooseListener({ ...world.flags, stdout: world.stdout, stderr: world.stderr });
  const emit = (event: EventBody): void =>
    listener.on({ ...event, at: world.clock.now().toISOString(), instance: journal.instance } as RunEvent);
  try {
    emit({
      type: 'warning',
      code: 'recovering',
      message: `the run ${journal.id} died in phase ${journal.phase}; putting back what it left`,
    });
    const record = await recoverRun(path, journal, { engine, local, clock: world.clock, emit });
    for (const event of closingEvents({ ...record, down: record.down }).filter((one) => one.type === 'error'))
      emit(event);
    await appendHistory(backups, record);
    return record;
  } finally {
    listener.close();
  }
};

/**
 * Looks for dead runs of this engine in these folders and finishes them. Every backup does it first.
 * Resolves with the records of what was recovered.
 */
export const recoverDead = async (
  world: World,
  engine: Engine,
  folders: readonly string[],
): Promise<readonly RunRecord[]> => {
  const { id } = await engine.info();
  const records: RunRecord[] = [];
  for (const dead of await deadRuns(world, folders, id)) records.push(await recoverOne(world, engine, dead));
  return records;
};

/** `stack-backup recover`: brings back what dead runs left down. 0 also when there was nothing to do. */
export const recover = async (
  world: World,
  flags: { readonly dryRun: boolean; readonly waitForEngine: boolean },
): Promise<number> => {
  const engine = flags.waitForEngine ? await engineWhenReady(world) : await connectEngine();
  const folders = await backupsFolders(world);
  if (flags.dryRun) {
    const { id } = await engine.info();
    for (const { journal } of await deadRuns(world, folders, id)) {
      const names = mayBeQuiet(journal)
        ? journal.containers.map((one) => one.name).join(', ')
        : 'no container';
      world.stdout.write(
        `${printable(journal.id)} died in phase ${journal.phase}: ${printable(names)} to be looked after\n`,
      );
    }
    return exitCode.done;
  }
  const records = await recoverDead(world, engine, folders);
  if (records.length === 0 && !world.flags.quiet && !world.flags.json)
    world.stdout.write('nothing to recover\n');
  for (const { run, down } of records)
    if (down.length === 0 && !world.flags.json && !world.flags.quiet)
      world.stdout.write(`${printable(run)} is recovered: what ran before it runs again\n`);
  return records.some((record) => record.down.length > 0) ? exitCode.servicesDown : exitCode.done;
};
