import { hostname, userInfo } from 'node:os';
import { StackBackupError } from '../base/errors.ts';
import { printable } from '../base/text/printable.ts';
import { runDrill } from '../drill/drill.ts';
import { sourceFor } from '../drill/plan/source.ts';
import { closing, howToEnter } from '../drill/report/words.ts';
import type { DrillEnd, DrillTools } from '../drill/task.ts';
import { removeKept } from './drilling/remove.ts';
import { allInstances, type DrillTarget, targetsOf } from './drilling/targets.ts';
import { backupsFolders } from './session/backups.ts';
import { recoverFirst } from './session/dead-runs.ts';
import { codeOfError, errorToTell, exitCode, worstCode } from './session/exit.ts';
import { codesOf } from './session/one-run.ts';
import { openSession, printJson, type Session, type World } from './session/session.ts';

export interface DrillFlags {
  readonly all: boolean;
  readonly due: boolean;
  readonly dumps: boolean;
  readonly keep: boolean;
  readonly remove: boolean;
}

const by = ({ env }: World): string => `${env.SUDO_USER ?? userInfo().username}@${hostname()}`;

const toolsOf = ({ world, engine, info }: Session): DrillTools => ({
  engine,
  info,
  clock: world.clock,
  signal: world.signal,
  by: by(world),
  say: (line) => {
    if (!world.flags.quiet && !world.flags.json) world.stderr.write(`${printable(line)}\n`);
  },
});

/** Quiet success, loud failure; one JSON document a drill. */
const report = (world: World, { record, checks }: DrillEnd): void => {
  if (world.flags.json) {
    printJson(world, { ...record, results: checks });
    return;
  }
  const isGood = record.outcome === 'passed' && record.rto?.met !== false && record.rpo?.met !== false;
  if (isGood && world.flags.quiet && record.kept === undefined) return;
  const out = isGood ? world.stdout : world.stderr;
  out.write(closing(record, checks));
  const services = checks.filter(({ kind }) => kind === 'health').map(({ about }) => about);
  if (record.kept === true) out.write(howToEnter(record, services));
};

const codeOf = (world: World, { record }: DrillEnd): number => {
  if (record.error !== undefined)
    return codeOfError(record.error.code as StackBackupError['code'], world.interruptedBy());
  if (record.outcome === 'failed') return exitCode.verifyFailed;
  return record.rto?.met === false || record.rpo?.met === false ? exitCode.warnings : exitCode.done;
};

const drillOne = async (session: Session, target: DrillTarget, flags: DrillFlags): Promise<number> => {
  const { world, engine } = session;
  const { instance, folder, manifest, isOwn } = target;
  const end = await runDrill(
    {
      instance: instance.name,
      settings: instance.drill,
      hooks: instance.hooks,
      checks: instance.checks,
      folder,
      isOwn,
      manifest,
      backups: instance.backups,
      source: await sourceFor(engine, instance, folder, isOwn),
      data: flags.dumps ? 'dumps' : 'files',
      keep: flags.keep,
    },
    toolsOf(session),
  );
  report(world, end);
  return codeOf(world, end);
};

/** One that cannot be drilled does not keep the others from it. */
const codeOfOne = async (session: Session, reference: string, flags: DrillFlags): Promise<number> => {
  const { world } = session;
  try {
    const [target] = await targetsOf(session, [reference]);
    return target === undefined ? exitCode.failed : await drillOne(session, target, flags);
  } catch (thrown) {
    const error = errorToTell(thrown, world.signal);
    if (world.flags.json)
      printJson(world, {
        kind: 'drill',
        instance: reference,
        error: { code: error.code, message: error.message, next: error.next },
      });
    world.stderr.write(`stack-backup: ${printable(reference)}: ${printable(error.message)}\n`);
    if (error.next !== undefined) world.stderr.write(`  ${printable(error.next)}\n`);
    return codeOfError(error.code, world.interruptedBy());
  }
};

const asked = async (session: Session, references: readonly string[], flags: DrillFlags) => {
  if (flags.all && references.length > 0)
    throw new StackBackupError('usage', '--all and the names of snapshots exclude each other', {
      next: 'Give one of them.',
    });
  if (flags.due && !flags.all)
    throw new StackBackupError('usage', '--due needs --all', { next: 'Give `drill --all --due`.' });
  if (flags.all) return allInstances(session, flags.due);
  if (references.length === 0)
    throw new StackBackupError('usage', 'no instance or snapshot was named', {
      next: 'Name one, or use --all.',
    });
  return references;
};

const remove = async (session: Session, references: readonly string[]): Promise<number> => {
  const { world } = session;
  const removed = await removeKept(session, await backupsFolders(world), references);
  if (world.flags.json) printJson(world, { removed });
  else if (!world.flags.quiet)
    world.stdout.write(removed.length === 0 ? 'no sandbox was kept\n' : `removed ${removed.join(', ')}\n`);
  return exitCode.done;
};

/**
 * `stack-backup drill`: puts snapshots back into a closed sandbox and looks whether they are what they should
 * be. Resolves with 0 when all held, 3 when a target was missed, 6 when a check did not hold.
 */
export const drill = async (
  world: World,
  references: readonly string[],
  flags: DrillFlags,
): Promise<number> => {
  const session = await openSession(world);
  const earlier = codesOf(await recoverFirst(session, await backupsFolders(world), false));
  if (flags.remove) return worstCode([...earlier, await remove(session, references)]);
  const targets = await asked(session, references, flags);
  if (targets.length === 0 && !world.flags.quiet && !world.flags.json)
    world.stdout.write('no drill is due\n');
  const codes: number[] = [...earlier];
  for (const reference of targets) {
    if (world.signal.aborted) break;
    codes.push(await codeOfOne(session, reference, flags));
  }
  world.signal.throwIfAborted();
  return worstCode(codes);
};
