import { formatBytes, formatCount, plural } from '../base/text/amount.ts';
import { printable } from '../base/text/printable.ts';
import { foldersToCheck } from '../catalog/reference.ts';
import { sharersOf } from '../catalog/sharers.ts';
import { readers } from '../copy/readers.ts';
import { type Verification, verifySnapshot } from '../snapshot/verify.ts';
import { backupsFolders } from './session/backups.ts';
import { tellOfDead } from './session/dead-runs.ts';
import { exitCode } from './session/exit.ts';
import { printJson, type World } from './session/session.ts';

const report = (folder: string, result: Verification, sharers: readonly string[]): string => {
  const size = `${formatCount(result.files)} files, ${formatBytes(result.bytes)}`;
  if (result.ok) return `${folder} is whole: ${size} checked\n`;
  const lines = result.problems.map(
    (problem) => `  ${problem.kind}: ${printable(problem.path)}: ${printable(problem.message)}\n`,
  );
  const shared =
    sharers.length === 0
      ? ''
      : `  shared, so damaged in these snapshots as well: ${printable(sharers.join(', '))}\n`;
  return `${folder} is NOT whole: ${plural(result.problems.length, 'problem')}\n${lines.join('')}${shared}`;
};

/** `stack-backup verify <snapshot>…`: re-reads everything. Exit code 6 when anything is wrong. */
export const verify = async (world: World, references: readonly string[]): Promise<number> => {
  const folders = await backupsFolders(world);
  await tellOfDead(world, folders);
  // All are found before the first is read: a misspelt name is told at once.
  const found: string[] = [];
  for (const reference of references)
    found.push(...(await foldersToCheck(reference, { backups: folders, cwd: world.cwd })));
  let ok = true;
  for (const folder of found) {
    const result = await verifySnapshot(folder, { readers, signal: world.signal });
    ok &&= result.ok;
    const { damaged, ...told } = result;
    const sharers = damaged.length === 0 ? [] : await sharersOf(folder, damaged);
    if (world.flags.json) printJson(world, { snapshot: folder, ...told, sharedWith: sharers });
    else if (!world.flags.quiet || !result.ok)
      (result.ok ? world.stdout : world.stderr).write(report(folder, result, sharers));
  }
  return ok ? exitCode.done : exitCode.verifyFailed;
};
