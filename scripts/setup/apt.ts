import { $ } from 'zx';
import { hasCommand, type Machine } from './machine.ts';
import { SetupProblem, say } from './say.ts';

// Quiet, never asking, and waiting for another apt instead of failing beside it.
const options = ['-qq', '-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=300'];

/** Runs apt-get; its output is shown only when it fails. */
export const aptGet = async (...args: readonly string[]): Promise<void> => {
  const result = await $({
    nothrow: true,
    quiet: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })`apt-get ${options} ${args}`;
  if (result.exitCode !== 0) {
    process.stderr.write(result.stdall);
    throw new SetupProblem(`apt-get ${args.join(' ')} failed`, [
      'The reason stands above. Put it right (network, package sources, disk) and run this again.',
    ]);
  }
};

/** The version apt would install of each package that it knows. */
export const aptCandidates = async (packages: readonly string[]): Promise<ReadonlyMap<string, string>> => {
  const { stdout } = await $({
    quiet: true,
    env: { ...process.env, LC_ALL: 'C' },
  })`apt-cache policy ${packages}`;
  return new Map(
    [...stdout.matchAll(/^(\S+):\n {2}Installed: .*\n {2}Candidate: (\S+)$/gm)]
      .filter((match) => match[2] !== '(none)')
      .map((match) => [match[1] ?? '', match[2] ?? '']),
  );
};

let updated = false;

/** Fetches the package lists once a run. */
export const aptUpdate = async (): Promise<void> => {
  if (updated) return;
  say('fetching the package lists (apt-get update)');
  await aptGet('update');
  updated = true;
};

/** Installs packages without their recommendations, after saying so. */
export const aptInstall = async (packages: readonly string[], why: string): Promise<void> => {
  await aptUpdate();
  say(`installing ${packages.join(', ')}: ${why}`);
  await aptGet('install', '-y', '--no-install-recommends', ...packages);
};

/** A command the tests call, and the package it comes in. */
const needed: Readonly<Record<string, string>> = {
  setfattr: 'attr',
  setfacl: 'acl',
  zstd: 'zstd',
  'mkfs.xfs': 'xfsprogs',
  'mkfs.btrfs': 'btrfs-progs',
};

/** Packages only the tests need. Where they cannot be installed the tests that need them say so. */
export const ensureTestPackages = async (machine: Machine): Promise<void> => {
  if (!machine.installable) return;
  const found = await Promise.all(Object.keys(needed).map(hasCommand));
  const missing = Object.values(needed).filter((_, index) => found[index] === false);
  if (missing.length > 0)
    await aptInstall(
      missing,
      'the tests check attributes, ACLs, archives, and file systems that share blocks',
    );
};
