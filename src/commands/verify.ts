import { basename } from 'node:path';
import { StackBackupError } from '../base/errors.ts';
import { printable } from '../base/text/printable.ts';
import { allSnapshots, foldersToCheck, instancesIn, type Places } from '../catalog/reference.ts';
import { sharersOf } from '../catalog/sharers.ts';
import type { Sample } from '../catalog/verified.ts';
import { readers } from '../copy/readers.ts';
import type { Engine } from '../docker/engine.ts';
import { dumpOpener } from '../hooks/postgres/open-dump.ts';
import { openSqliteCopy } from '../hooks/sqlite/open-copy.ts';
import { gauge } from '../notify/gauge.ts';
import { type Openers, type Verification, verifySnapshot } from '../snapshot/verify.ts';
import { backupsFolders } from './session/backups.ts';
import { codeOfError, exitCode, worstCode } from './session/exit.ts';
import { finishDead } from './session/finish-dead.ts';
import { printJson, type World } from './session/session.ts';
import { nextSample, remember } from './verifying/remember.ts';
import { report } from './verifying/report.ts';

export interface VerifyFlags {
  /** Every snapshot of the instances that are named, or of all. */
  readonly all: boolean;
  /** The newest of each instance that is named, or of all. */
  readonly latest: boolean;
  /** Per cent of the content to read; undefined: all. */
  readonly sample: number | undefined;
}

/** What is to be verified. All of it is found before the first is read: a misspelt name is told at once. */
const foldersOf = async (
  references: readonly string[],
  { all, latest }: VerifyFlags,
  places: Places,
): Promise<readonly string[]> => {
  if (all && latest) throw new StackBackupError('usage', '--all and --latest exclude each other');
  if (references.length === 0 && !all && !latest)
    throw new StackBackupError('usage', 'no snapshot is named', {
      next: 'Name a snapshot or an instance, or use --latest (the newest of each) or --all.',
    });
  const found: string[] = [];
  if (all) found.push(...(await allSnapshots(references, places)));
  else
    for (const reference of references.length > 0 ? references : await instancesIn(places))
      found.push(...(await foldersToCheck(reference, places)));
  if (found.length === 0)
    throw new StackBackupError('snapshot-unknown', `there is no snapshot in ${places.backups.join(', ')}`, {
      next: 'Check the path (`backups:` or --backups).',
    });
  return [...new Set(found)];
};

/** The engine is asked only where this machine has no program for a dump. */
const openersFor = (): Openers => {
  let engine: Promise<Engine> | undefined;
  const connect = async (): Promise<Engine> => {
    const { connectEngine } = await import('../docker/dockerode.ts');
    const connected = await connectEngine();
    await connected.removeDeadReaders();
    return connected;
  };
  return {
    sqlite: openSqliteCopy,
    dump: dumpOpener(() => {
      engine ??= connect();
      return engine;
    }),
  };
};

const tell = async (
  world: World,
  folder: string,
  result: Verification,
  sample: Sample | undefined,
): Promise<void> => {
  const { damaged, ...told } = result;
  const sharers = damaged.length === 0 ? [] : await sharersOf(folder, damaged);
  const { json, quiet, verbose } = world.flags;
  if (json) printJson(world, { snapshot: folder, ...told, ...(sample && { sample }), sharedWith: sharers });
  else if (!quiet || !result.ok)
    (result.ok ? world.stdout : world.stderr).write(report(folder, result, { sharers, sample, verbose }));
};

const verifyOne = async (
  world: World,
  folder: string,
  openers: Openers,
  percent: number | undefined,
): Promise<boolean> => {
  const started = world.clock.now();
  const from = world.clock.tick();
  const sample = percent === undefined ? undefined : await nextSample(world, folder, percent);
  const isShown = !world.flags.json && !world.flags.quiet;
  const progress = gauge(world.stderr, printable(basename(folder)));
  const result = await verifySnapshot(folder, {
    readers,
    openers,
    signal: world.signal,
    ...(sample && { sample }),
    ...(isShown && { onProgress: progress.to }),
  }).finally(progress.clear);
  await remember(world, folder, { started, totalMs: world.clock.tick() - from, result, sample });
  await tell(world, folder, result, sample);
  return result.ok;
};

/**
 * `stack-backup verify <snapshot>…`: re-reads everything, or a share of it, and opens databases and dumps. Exit
 * code 6 when anything is wrong. Of several snapshots one that cannot be looked at does not keep the others from
 * it.
 */
export const verify = async (
  world: World,
  references: readonly string[],
  flags: VerifyFlags,
): Promise<number> => {
  const backups = await backupsFolders(world);
  await finishDead(world, backups);
  const folders = await foldersOf(references, flags, { backups, cwd: world.cwd });
  const openers = openersFor();
  const codes: number[] = [];
  for (const folder of folders) {
    try {
      const ok = await verifyOne(world, folder, openers, flags.sample);
      codes.push(ok ? exitCode.done : exitCode.verifyFailed);
    } catch (thrown) {
      const isAlone = folders.length === 1 || world.signal.aborted;
      if (isAlone || !(thrown instanceof StackBackupError)) throw thrown;
      codes.push(codeOfError(thrown.code, undefined));
      if (world.flags.json) printJson(world, { snapshot: folder, ok: false, error: thrown.message });
      world.stderr.write(`stack-backup: ${printable(thrown.message)}\n`);
    }
  }
  return worstCode(codes);
};
