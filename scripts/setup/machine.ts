import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { which } from 'zx';

/** What decides how things are installed and started here. */
export interface Machine {
  readonly family: 'debian' | 'ubuntu' | 'other';
  /** For people: `Debian GNU/Linux 12 (bookworm)`. */
  readonly description: string;
  /** Suite of this release, `bookworm`; empty where the system does not say. */
  readonly codename: string;
  readonly root: boolean;
  /** systemd is running as the init system, not merely installed. */
  readonly systemd: boolean;
  /** Packages can be installed by this script. */
  readonly installable: boolean;
}

/** `KEY=value` and `KEY="value"` lines of os-release(5). */
const parseOsRelease = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...text.matchAll(/^([A-Z0-9_]+)=(?:"([^"]*)"|'([^']*)'|(.*))$/gm)].map((match) => [
      match[1] ?? '',
      match[2] ?? match[3] ?? match[4] ?? '',
    ]),
  );

export const readMachine = async (): Promise<Machine> => {
  const release = parseOsRelease(await readFile('/etc/os-release', 'utf8').catch(() => ''));
  const family = release.ID === 'debian' ? 'debian' : release.ID === 'ubuntu' ? 'ubuntu' : 'other';
  const root = process.getuid?.() === 0;
  return {
    family,
    description: release.PRETTY_NAME ?? process.platform,
    codename: release.VERSION_CODENAME ?? '',
    root,
    systemd: existsSync('/run/systemd/system'),
    installable: family !== 'other' && root,
  };
};

export const hasCommand = async (name: string): Promise<boolean> =>
  (await which(name, { nothrow: true })) !== null;
