import type { Duration } from '../base/duration.ts';
import { messageOf, StackBackupError } from '../base/errors.ts';
import type { Waiting } from '../base/lock.ts';
import { printable } from '../base/text/printable.ts';
import { afterMs } from '../base/wait/heed.ts';
import { connectEngine } from '../docker/dockerode.ts';
import type { Engine } from '../docker/engine.ts';
import type { RunRecord } from '../run/record.ts';
import type { Found } from '../run/recovery/journals.ts';
import { engineWhenReady } from '../run/recovery/ready.ts';
import { isHalfRestored } from '../run/recovery/recover.ts';
import { backupsFolders } from './session/backups.ts';
import {
  leftBy,
  lookForDead,
  type Recoveries,
  recoverFound,
  tellElsewhere,
  tellUnusable,
} from './session/dead-runs.ts';
import { codeOfError, exitCode, worstCode } from './session/exit.ts';
import type { World } from './session/session.ts';

export interface RecoverFlags {
  readonly dryRun: boolean;
  /** How long an engine that does not answer is waited for, ms. 0 = not at all. */
  readonly waitForEngine: Duration;
  /** How long somebody else who is at the same work is waited for, ms. */
  readonly wait: Duration;
  /** The restore of which the data, left half-way, is taken as it stands. */
  readonly asIs?: string;
}

const engineOf = (world: World, waitMs: Duration): Promise<Engine> =>
  waitMs === 0
    ? connectEngine()
    : engineWhenReady(AbortSignal.any([world.signal, afterMs(waitMs)]), (why) => {
        if (!world.flags.quiet)
          world.stderr.write(`stack-backup: ${printable(messageOf(why))}; waiting for it\n`);
      });

const tellResult = (world: World, { records, failures }: Recoveries, dead: readonly Found[]): void => {
  for (const { found, error } of failures) {
    const { instance } = found.journal;
    world.stderr.write(`stack-backup: ${printable(instance)}: ${printable(error.message)}\n`);
    if (error.next !== undefined) world.stderr.write(`  ${printable(error.next)}\n`);
  }
  if (world.flags.json || world.flags.quiet) return;
  for (const record of records)
    if (record.outcome !== 'services-down')
      world.stdout.write(`${printable(record.run)} is recovered: ${whatIsDone(record, dead)}\n`);
};

const whatIsDone = ({ run, outcome, warnings }: RunRecord, dead: readonly Found[]): string => {
  const kind = dead.find(({ journal }) => journal.id === run)?.journal.kind;
  if (kind !== 'drill' && kind !== 'into') return 'what ran before it runs again';
  if (warnings.some(({ code }) => code === 'leftover'))
    return 'but not all that it had made could be removed';
  if (kind === 'drill') return 'what the drill had made is removed';
  return outcome === 'failed' ? 'nothing is left of its copy' : 'its copy is complete';
};

const codeOf = (world: World, { records, failures }: Recoveries, isAllUsable: boolean): number =>
  worstCode([
    ...records.map(({ outcome }) => (outcome === 'services-down' ? exitCode.servicesDown : exitCode.done)),
    ...failures.map(({ error }) => codeOfError(error.code, world.interruptedBy())),
    ...(isAllUsable && records.every(({ warnings }) => warnings.every((one) => one.notice === true))
      ? []
      : [exitCode.warnings]),
  ]);

/** Rejects with `usage` where `--as-is` names none of the runs that it can be meant for. */
const assertHalf = (asIs: string | undefined, dead: readonly Found[]): void => {
  const half = dead.flatMap(({ journal }) => (isHalfRestored(journal) ? [journal.id] : []));
  if (asIs === undefined || half.includes(asIs)) return;
  throw new StackBackupError('usage', `there is no restore ${asIs} whose data is half restored`, {
    next:
      half.length === 0
        ? 'Leave --as-is out: no data is half restored.'
        : `Those there are: ${half.join(', ')}.`,
  });
};

/**
 * `stack-backup recover`: brings back what dead runs left down. It asks no engine when there is nothing to
 * recover. Resolves with 0 when all is well, 3 with warnings (also for a journal that cannot be used), 4 when
 * something could not be brought back, 5 when somebody else is at it.
 */
export const recover = async (world: World, flags: RecoverFlags): Promise<number> => {
  const { dead, unusable } = await lookForDead(await backupsFolders(world));
  tellUnusable(world, unusable);
  const nothing = (): number => {
    if (!world.flags.quiet && !world.flags.json) world.stdout.write('nothing to recover\n');
    return unusable.length > 0 ? exitCode.warnings : exitCode.done;
  };
  assertHalf(flags.asIs, dead);
  if (dead.length === 0) return nothing();
  const engine = await engineOf(world, flags.waitForEngine);
  const info = await engine.info();
  if (!flags.dryRun) await engine.removeDeadReaders().catch(() => undefined);
  tellElsewhere(world, dead, info);
  const ours = dead.filter(({ journal }) => journal.engine.id === info.id);
  if (ours.length === 0) return nothing();
  if (flags.dryRun) {
    for (const found of ours) world.stdout.write(`${printable(leftBy(found))}\n`);
    return unusable.length > 0 ? exitCode.warnings : exitCode.done;
  }
  const waiting: Waiting = { limitMs: flags.wait, signal: world.signal };
  const recoveries = await recoverFound({ world, engine, info }, ours, {
    asEvents: true,
    waiting,
    asIs: flags.asIs,
  });
  tellResult(world, recoveries, ours);
  world.signal.throwIfAborted();
  return codeOf(world, recoveries, unusable.length === 0);
};
