import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { $ } from 'zx';
import { aptCandidates, aptGet, aptInstall, aptUpdate } from './apt.ts';
import { type AptSource, readAptSources, renderDeb822, withSuite } from './apt-sources.ts';
import type { Machine } from './machine.ts';
import { SetupProblem, say } from './say.ts';

/** The first Compose that knows `pre_stop` and `post_start`. */
const oldest = [2, 30] as const;
const packages = ['docker-compose-v2', 'docker-compose-plugin', 'docker-compose'] as const;
const newerSuites = ['testing', 'unstable'] as const;
/** A folder every docker client looks into, whether it came from a package or not. */
const pluginFolder = '/usr/local/lib/docker/cli-plugins';
const sourceFile = '/etc/apt/sources.list.d/stack-backup-compose.sources';
const pinFile = '/etc/apt/preferences.d/stack-backup-compose';

/** Whether `version` (`2.40.3`, `v2.30.0`, `1:2.30-1`) is new enough. */
const isNewEnough = (version: string): boolean => {
  const [, major, minor] = /^(?:\d+:)?v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined || minor === undefined) return false;
  return Number(major) > oldest[0] || (Number(major) === oldest[0] && Number(minor) >= oldest[1]);
};

const installedVersion = async (): Promise<string> =>
  (await $({ nothrow: true, quiet: true, timeout: '15s' })`docker compose version --short`).stdout.trim();

/** Compose v2 that answers as `docker compose`. */
export const ensureCompose = async (machine: Machine): Promise<void> => {
  if (isNewEnough(await installedVersion())) return;
  if (!machine.installable) throw byHand(`this script does not install it on ${machine.description}`);
  await installPackage(machine);
  if (!isNewEnough(await installedVersion())) await linkPlugin();
  const version = await installedVersion();
  if (!isNewEnough(version)) throw byHand(`after installing it, it answers '${version}'`);
  say(`Compose ${version} is ready`);
};

const byHand = (reason: string): SetupProblem =>
  new SetupProblem(`Docker Compose ${oldest.join('.')} or newer is needed: ${reason}`, [
    `Put its binary, named docker-compose and executable, into ~/.docker/cli-plugins or ${pluginFolder};`,
    'check with `docker compose version`, then run this again.',
  ]);

const installPackage = async (machine: Machine): Promise<void> => {
  await aptUpdate();
  const candidates = await aptCandidates(packages);
  const own = packages.find((name) => isNewEnough(candidates.get(name) ?? ''));
  if (own !== undefined) return aptInstall([own], 'Docker Compose v2');
  if (machine.family !== 'debian') throw byHand('no package source of this machine has it');
  for (const suite of newerSuites) {
    const sources = withSuite(await readAptSources(), machine.codename, suite);
    if (await installFromSuite(sources, suite)) return;
  }
  throw byHand('no package source of this machine has it');
};

/**
 * Adds the newer suite for this one package: pinned below everything else, so that nothing else is ever
 * taken from it. A mirror may hold a Release file past its date, hence Check-Valid-Until.
 */
const installFromSuite = async (sources: readonly AptSource[], suite: string): Promise<boolean> => {
  say(`taking Docker Compose v2 from Debian ${suite} (${sourceFile}, pinned at priority 50)`);
  await writeFile(sourceFile, renderDeb822(sources, { 'Check-Valid-Until': 'no' }));
  await writeFile(pinFile, `Package: *\nPin: release a=${suite}\nPin-Priority: 50\n`);
  try {
    const alone = ['-o', `Dir::Etc::SourceList=${sourceFile}`, '-o', 'Dir::Etc::SourceParts=-'];
    await aptGet('update', ...alone, '-o', 'APT::Get::List-Cleanup=0');
    const { stdout } = await $({ quiet: true })`apt-cache madison docker-compose`;
    const version = stdout
      .split('\n')
      .map((line) => line.split('|')[1]?.trim() ?? '')
      .find(isNewEnough);
    if (version === undefined) throw new SetupProblem(`${suite} has no new Compose`, []);
    await aptGet('install', '-y', '--no-install-recommends', `docker-compose=${version}`);
    return true;
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error;
    say(`${error.message}; removing that package source again`);
    await rm(sourceFile, { force: true });
    await rm(pinFile, { force: true });
    return false;
  }
};

/** Packages put the binary where their own docker client looks; another client may look elsewhere. */
const linkPlugin = async (): Promise<void> => {
  const { stdout } = await $({ quiet: true, nothrow: true })`dpkg -L ${packages}`;
  const binaries = stdout
    .split('\n')
    .filter((path) => basename(path) === 'docker-compose' && /bin|cli-plugins/.test(path));
  const binary = binaries.find((path) => path.includes('cli-plugins')) ?? binaries[0];
  if (binary === undefined) return;
  say(`linking ${binary} into ${pluginFolder}`);
  await mkdir(pluginFolder, { recursive: true });
  await rm(join(pluginFolder, 'docker-compose'), { force: true });
  await symlink(binary, join(pluginFolder, 'docker-compose'));
};
