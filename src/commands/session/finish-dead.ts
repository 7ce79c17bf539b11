import { messageOf, StackBackupError } from '../../base/errors.ts';
import { heeding } from '../../base/wait/heed.ts';
import type { Engine, EngineInfo } from '../../docker/engine.ts';
import {
  glanceForDead,
  recoverFound,
  tellElsewhere,
  tellFailures,
  tellUnfinished,
  tellUnusable,
} from './dead-runs.ts';
import type { World } from './session.ts';

/** An engine that takes longer to say what it is, ms, is not waited for: the command itself needs none. */
const answerMs = 10_000;

interface Answering {
  readonly engine: Engine;
  readonly info: EngineInfo;
}

/** The engine, if it answers before the signal aborts. One that hangs takes the call and says nothing. */
const soon = (signal: AbortSignal): Promise<Answering> =>
  heeding(signal, async () => {
    const { connectEngine } = await import('../../docker/dockerode.ts');
    const engine = await connectEngine();
    return { engine, info: await engine.info() };
  });

const whyNot = (thrown: unknown): string =>
  thrown instanceof StackBackupError ? messageOf(thrown) : 'the engine does not answer';

/**
 * What every command that reads backups folders, and needs no engine for it, does first: dead runs of this engine
 * are finished. The engine is asked only where one has died. Where none answers soon, or nobody here may ask it,
 * the runs are told of, with the next step, and the command goes on. All of it goes to standard error, and the
 * exit code stays that of the command. `late` aborts when it was waited for long enough. Rejects only when it was
 * interrupted.
 */
export const finishDead = async (
  world: World,
  folders: readonly string[],
  late: AbortSignal = AbortSignal.timeout(answerMs),
): Promise<void> => {
  const { dead, unusable } = await glanceForDead(folders);
  tellUnusable(world, unusable);
  if (dead.length === 0) return;
  const end = AbortSignal.any([world.signal, late]);
  const answering = await soon(end).catch((thrown: unknown) => {
    world.signal.throwIfAborted();
    return tellUnfinished(world, dead, whyNot(thrown));
  });
  if (answering === undefined) return;
  tellElsewhere(world, dead, answering.info);
  const session = { world, ...answering };
  tellFailures(world, await recoverFound(session, dead, { asEvents: false, engineMs: answerMs }));
  world.signal.throwIfAborted();
};
