import { freeSpace } from '../base/disk.ts';
import { asStackBackupError } from '../base/errors.ts';
import { run } from '../base/process.ts';
import { formatBytes } from '../base/text/amount.ts';
import { printable } from '../base/text/printable.ts';
import { composeVersion } from '../docker/compose.ts';
import { connectEngine } from '../docker/dockerode.ts';
import { assertWritable } from '../run/stages/preflight.ts';
import { backupsFolders } from './session/backups.ts';
import { recoverFirst } from './session/dead-runs.ts';
import { exitCode } from './session/exit.ts';
import { configOf, printJson, type World } from './session/session.ts';

interface Finding {
  readonly name: string;
  /** `missing` fails; `limited` works with less. */
  readonly state: 'good' | 'limited' | 'missing';
  readonly says: string;
  readonly next?: string;
}

type Check = { readonly name: string; readonly ask: (world: World) => Promise<Omit<Finding, 'name'>> };

/** The copy of host paths needs GNU's versions: BusyBox has no `find -printf` and no `sort -z`. */
const gnu = (program: string, debianPackage: string): Check => ({
  name: program,
  ask: async () => {
    const result = await run([program, '--version'], { timeoutMs: 5_000 }).catch(() => undefined);
    const line = result?.stdout.toString('utf8').split('\n')[0] ?? '';
    if (result?.exitCode === 0 && line.includes('GNU')) return { state: 'good', says: line };
    return {
      state: 'missing',
      says: `no GNU ${program} on the PATH`,
      next: `Install it (Debian package ${debianPackage}).`,
    };
  },
});

const checks: readonly Check[] = [
  { name: 'Node.js', ask: async () => ({ state: 'good', says: process.version }) },
  {
    name: 'Docker Engine',
    ask: async () => {
      const info = await (await connectEngine()).info();
      return { state: 'good', says: `${info.version} (API ${info.apiVersion}), ${info.os}` };
    },
  },
  {
    name: 'host paths',
    ask: async () => {
      const { local } = await (await connectEngine()).info();
      if (local && process.getuid?.() === 0) return { state: 'good', says: 'volumes can be read directly' };
      return {
        state: 'limited',
        says: local
          ? 'not root: volumes are read through the engine'
          : 'the engine is elsewhere: its archive API is used',
        next: 'Copies through the engine lose xattrs, ACLs and ns times; run as root on the engine’s host to keep them.',
      };
    },
  },
  {
    name: 'Compose v2',
    ask: async () => {
      const version = await composeVersion();
      if (version !== undefined) return { state: 'good', says: version };
      return {
        state: 'missing',
        says: '`docker compose` does not answer',
        next: 'Install the docker CLI and its Compose plugin: compose files cannot be read without them.',
      };
    },
  },
  {
    name: 'earlier runs',
    ask: async (world) => {
      const engine = await connectEngine();
      const session = { world, engine, info: await engine.info() };
      const { records, failures } = await recoverFirst(session, await backupsFolders(world), false);
      const down = records.flatMap((record) => record.down.map((one) => one.container));
      if (down.length > 0 || failures.length > 0)
        return {
          state: 'missing',
          says: `not everything that they left down could be brought back: ${printable(down.join(', ') || 'see above')}`,
          next: 'Look into `docker logs` of these containers, put the cause right, then run `stack-backup recover`.',
        };
      return {
        state: 'good',
        says: records.length === 0 ? 'none has died' : 'what they left down runs again',
      };
    },
  },
  gnu('cp', 'coreutils'),
  gnu('find', 'findutils'),
  gnu('sort', 'coreutils'),
  gnu('tar', 'tar'),
  gnu('xargs', 'findutils'),
  {
    name: 'configuration',
    ask: async (world) => {
      const config = await configOf(world);
      if (config !== undefined) return { state: 'good', says: config.shownFile };
      return { state: 'good', says: 'none: any running Compose project can be named' };
    },
  },
  {
    name: 'backups folder',
    ask: async (world) => {
      const folders = await backupsFolders(world);
      for (const folder of folders) await assertWritable(folder);
      const free = await Promise.all(folders.map(freeSpace));
      return {
        state: 'good',
        says: folders.map((path, at) => `${path} (${formatBytes(free[at]?.bytes ?? 0)} free)`).join(', '),
      };
    },
  },
];

const asked = async (world: World, check: Check): Promise<Finding> => {
  try {
    return { name: check.name, ...(await check.ask(world)) };
  } catch (thrown) {
    const { message, next } = asStackBackupError(thrown);
    return { name: check.name, state: 'missing', says: message, ...(next === undefined ? {} : { next }) };
  }
};

const mark = { good: 'ok      ', limited: 'limited ', missing: 'MISSING ' } as const;

/** `stack-backup doctor`: what this machine has of what is needed, and how to get the rest. */
export const doctor = async (world: World): Promise<number> => {
  const findings: Finding[] = [];
  for (const check of checks) findings.push(await asked(world, check));
  if (world.flags.json) printJson(world, findings);
  else
    for (const { name, state, says, next } of findings) {
      world.stdout.write(`${mark[state]}${name.padEnd(16)}${says}\n`);
      if (next !== undefined) world.stdout.write(`${' '.repeat(24)}${next}\n`);
    }
  return findings.some((finding) => finding.state === 'missing') ? exitCode.failed : exitCode.done;
};
