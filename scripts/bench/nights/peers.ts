import { aptInstall, ensureTestPackages } from '../../setup/apt.ts';
import { hasCommand, readMachine } from '../../setup/machine.ts';
import { SetupProblem } from '../../setup/say.ts';
import { run } from '../run.ts';
import { BenchProblem, say } from '../say.ts';

const peers = ['rsync', 'restic'] as const;

/** Brings the programs we are compared with, as this release of Debian or Ubuntu has them, and says so. */
export const ensurePeers = async (signal: AbortSignal): Promise<void> => {
  const machine = await readMachine();
  const missing: string[] = [];
  for (const peer of peers) if (!(await hasCommand(peer))) missing.push(peer);
  try {
    if (missing.length > 0 && !machine.installable)
      throw new BenchProblem(`missing: ${missing.join(', ')}`, ['Install them, then run this again.']);
    await ensureTestPackages(machine);
    if (missing.length > 0) await aptInstall(missing, 'the benchmark compares with them');
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error;
    throw new BenchProblem(error.message, error.steps);
  }
  for (const version of [
    ['rsync', '--version'],
    ['restic', 'version'],
    ['cp', '--version'],
    ['tar', '--version'],
  ])
    say((await run(version, { signal })).stdout.split('\n')[0] ?? '');
};
