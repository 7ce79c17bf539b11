import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import { aptInstall } from './apt.ts';
import { oneLineEntries, readAptSources } from './apt-sources.ts';
import { hasCommand, type Machine } from './machine.ts';
import { SetupProblem, say } from './say.ts';

const suite = 'bookworm';
const baseImage = `debian:${suite}-slim`;

/** The time stamp of everything in the image: two builds from the same packages are the same bytes. */
const epoch = '1700000000';

/** The base of the example images: pulled, or made from Debian packages where no image registry answers. */
export const ensureBaseImage = async (machine: Machine): Promise<void> => {
  const there = await $({ quiet: true, nothrow: true })`docker image inspect --format x ${baseImage}`;
  if (there.exitCode === 0) return;
  say(`pulling ${baseImage}`);
  const pulled = await $({ quiet: true, nothrow: true, timeout: '60s' })`docker pull --quiet ${baseImage}`;
  if (pulled.exitCode === 0) return;
  const reason = pulled.stderr.trim().split('\n').at(-1) ?? '';
  if (!machine.installable) {
    throw new SetupProblem(`${baseImage} could not be pulled: ${reason}`, [
      `Make that image available to the engine (docker pull, or docker load of a saved one), then run this again.`,
    ]);
  }
  say(`no image registry answered (${reason})`);
  if (!(await hasCommand('mmdebstrap')))
    await aptInstall(['mmdebstrap'], `it makes ${baseImage} from packages`);
  await makeFromPackages(machine);
};

const makeFromPackages = async (machine: Machine): Promise<void> => {
  say(`making ${baseImage} from Debian packages with mmdebstrap (about a minute)`);
  // From where this machine gets its own packages, if it is a Debian; else from mmdebstrap's default.
  const mirrors =
    machine.family === 'debian' ? oneLineEntries(await readAptSources(), machine.codename, suite) : [];
  const folder = await mkdtemp(join(tmpdir(), 'stack-backup-base-'));
  const tar = join(folder, 'base.tar');
  try {
    const made = await $({
      quiet: true,
      nothrow: true,
      env: { ...process.env, SOURCE_DATE_EPOCH: epoch },
    })`mmdebstrap --variant=apt ${slim} ${await aptOptions()} ${suite} ${tar} ${mirrors}`;
    if (made.exitCode !== 0) throw failed('mmdebstrap', made.stderr);
    const imported = await $({
      quiet: true,
      nothrow: true,
    })`docker import --change ${'CMD ["bash"]'} ${tar} ${baseImage}`;
    if (imported.exitCode !== 0) throw failed('docker import', imported.stderr);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** What makes an image out of a Debian: no manuals, and packages that never start their services. */
const slim = [
  '--dpkgopt=path-exclude=/usr/share/man/*',
  '--dpkgopt=path-exclude=/usr/share/doc/*',
  '--dpkgopt=path-include=/usr/share/doc/*/copyright',
  `--customize-hook=printf '#!/bin/sh\\nexit 101\\n' >"$1/usr/sbin/policy-rc.d" && chmod 755 "$1/usr/sbin/policy-rc.d"`,
];

/** A machine that takes package lists past their date does so inside the image too. */
const aptOptions = async (): Promise<readonly string[]> => {
  const { stdout } = await $({
    quiet: true,
    nothrow: true,
  })`apt-config shell value Acquire::Check-Valid-Until`;
  return /false|no|0/.test(stdout) ? ['--aptopt=Acquire::Check-Valid-Until "false"'] : [];
};

const failed = (what: string, output: string): SetupProblem => {
  process.stderr.write(output);
  return new SetupProblem(`${baseImage} could not be made: ${what} failed`, [
    'The reason stands above. Check the network, the package sources and the free space in /tmp.',
  ]);
};
