import type { Duration } from '../base/duration.ts';
import type { Emit } from '../base/events.ts';
import type { Instance } from '../config/types.ts';
import { chooseListener } from '../notify/choose.ts';
import { executeBackup } from '../run/backup/execute.ts';
import type { RunRecord } from '../run/record.ts';
import type { BackupOptions } from '../run/run.ts';
import { backupsFolders } from './session/backups.ts';
import { recoverFirst } from './session/dead-runs.ts';
import { codeOfError, errorToTell, worstCode } from './session/exit.ts';
import { assertWhole, codeOfOne, codesOf, emitTo, onInsisting } from './session/one-run.ts';
import { plannedBackup } from './session/planned.ts';
import { instancesOf, openSession, type Session, type World } from './session/session.ts';
import { toolsOf, underLock } from './session/under-lock.ts';

export interface BackupFlags {
  readonly all: boolean;
  readonly options: Omit<BackupOptions, 'toolVersion'>;
  /** `--quiesce`, `--logs`: over what the configuration says. */
  readonly overrides: Partial<Pick<Instance, 'quiesce' | 'logs'>>;
  /** How long each instance waits for another run on it to end, ms. 0 = not at all. */
  readonly wait: Duration;
}

/** loadConfig → observe → plan → execute, for one instance, under its lock. */
const backupOne = async (
  session: Session,
  instance: Instance,
  flags: BackupFlags,
  emit: Emit,
): Promise<RunRecord> => {
  const turn = { instance, wait: flags.wait, emit };
  return await underLock(session, turn, async (lock) => {
    const plan = await plannedBackup(session, instance);
    const options = { ...flags.options, toolVersion: session.world.version };
    return await executeBackup(plan, options, toolsOf(session, emit, lock));
  });
};

/**
 * `stack-backup <instance>…`: a snapshot of each, one after the other. One that fails does not keep the
 * others from their turn; an interruption does. Resolves with the exit code.
 */
export const backup = async (world: World, names: readonly string[], flags: BackupFlags): Promise<number> => {
  const session = await openSession(world);
  // Before the instances are looked for: a run that died may have left nothing of a project running.
  const earlier = await recoverFirst(session, await backupsFolders(world), true);
  const instances = await instancesOf(session, names, flags.all);
  const listener = chooseListener({
    ...world.flags,
    stdout: world.stdout,
    stderr: world.stderr,
    several: instances.length > 1,
  });
  const codes = codesOf(earlier);
  try {
    for (const chosen of instances) {
      if (world.signal.aborted) {
        // This one and those after it do not get their turn: that is no success, however well the others went.
        codes.push(codeOfError(errorToTell(undefined, world.signal).code, world.interruptedBy()));
        break;
      }
      const instance = { ...chosen, ...flags.overrides };
      const emit = emitTo(world, listener, instance.name);
      const stopTelling = onInsisting(world, emit);
      codes.push(
        await codeOfOne(
          world,
          (tell) => {
            assertWhole(earlier, instance);
            return backupOne(session, instance, flags, tell);
          },
          emit,
        ),
      );
      stopTelling();
    }
  } finally {
    listener.close();
  }
  return worstCode(codes);
};
