import { formatBytes, formatCount, plural } from '../base/text/amount.ts';
import { printable } from '../base/text/printable.ts';
import { findSnapshot } from '../catalog/catalog.ts';
import { readers } from '../copy/readers.ts';
import { type Verification, verifySnapshot } from '../snapshot/verify.ts';
import { backupsFolders } from './session/backups.ts';
import { tellOfDead } from './session/dead-runs.ts';
import { exitCode } from './session/exit.ts';
import { printJson, type World } from './session/session.ts';

const report = (folder: string, result: Verification): string => {
  const size = `${formatCount(result.files)} files, ${formatBytes(result.bytes)}`;
  if (result.ok) return `${folder} is whole: ${size} checked\n`;
  const lines = result.problems.map(
    (problem) => `  ${problem.kind}: ${printable(problem.path)}: ${printable(problem.message)}\n`,
  );
  return `${folder} is NOT whole: ${plural(result.problems.length, 'problem')}\n${lines.join('')}`;
};

/** `stack-backup verify <snapshot>…`: re-reads everything. Exit code 6 when anything is wrong. */
export const verify = async (world: World, references: readonly string[]): Promise<number> => {
  const folders = await backupsFolders(world);
  await tellOfDead(world, folders);
  // All are found before the first is read: a misspelt name is told at once.
  const found: string[] = [];
  for (const reference of references) found.push(await findSnapshot(reference, folders, world.cwd));
  let ok = true;
  for (const folder of found) {
    const result = await verifySnapshot(folder, { readers, signal: world.signal });
    ok &&= result.ok;
    if (world.flags.json) printJson(world, { snapshot: folder, ...result });
    else if (!world.flags.quiet || !result.ok)
      (result.ok ? world.stdout : world.stderr).write(report(folder, result));
  }
  return ok ? exitCode.done : exitCode.verifyFailed;
};
