import { mkdir, mkdtemp, open, readFile, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/base/process.ts';

export type ReflinkType = 'xfs' | 'btrfs';

/** A disk in memory with a file system of its own. */
export interface MemoryDisk extends AsyncDisposable {
  readonly path: string;
  /** Bytes in use, everything written out. */
  used(): Promise<number>;
  /** Changes, on the disk itself, the one block that holds this text; whatever shares it is damaged. */
  rot(text: string): Promise<void>;
}

const attempt = async (...command: readonly string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await run(command).catch(() => ({
    exitCode: 127,
    stdout: Buffer.alloc(0),
    stderr: `${command[0]} is not there`,
  }));
  if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${stderr.trim()}`);
  return stdout.toString('utf8').trim();
};

/** Makes one of 320 MiB, which takes the memory of what is written to it, and mounts it. */
export const memoryDisk = async (type: ReflinkType | 'ext4'): Promise<MemoryDisk> => {
  const folder = await mkdtemp(join(tmpdir(), `stack-backup-${type}-`));
  const undo: (() => Promise<unknown>)[] = [() => rmdir(folder)];
  const discard = async (): Promise<void> => {
    const failures: unknown[] = [];
    // Whatever becomes of one step, the others are taken.
    for (const step of undo.toReversed()) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  const mount = async (from: string, at: string, ...options: readonly string[]): Promise<void> => {
    await attempt('mount', ...options, from, at);
    // The kernel may hold a loop device, and with it what lies below, a moment longer.
    undo.push(() => attempt('umount', '--lazy', at));
  };
  const rot = async (text: string): Promise<void> => {
    await attempt('sync', '-f', path);
    const [found = ''] = (await attempt('grep', '-abo', '-m', '1', '-F', text, image)).split(':');
    const file = await open(image, 'r+');
    await file.write('\0', Number(found));
    await file.close();
    // Unmounting would not do: another mount namespace may have the disk, too, and then what was read of it stays.
    const forget = ['dd', 'if={}', 'iflag=nocache', 'count=0', 'status=none'];
    await attempt('find', path, '-type', 'f', '-exec', ...forget, ';');
  };
  const image = join(folder, 'image');
  const path = join(folder, 'disk');
  try {
    await mount('tmpfs', folder, '-t', 'tmpfs');
    await attempt('truncate', '-s', '320M', image);
    await attempt(`mkfs.${type}`, '-q', image);
    await mkdir(path);
    await mount(image, path, '-o', 'loop,noatime');
  } catch (error) {
    await discard();
    throw error;
  }
  return {
    path,
    used: async () => {
      await attempt('sync', '-f', path);
      return Number((await attempt('df', '--output=used', '-B1', path)).split('\n').at(-1));
    },
    rot,
    [Symbol.asyncDispose]: discard,
  };
};

/**
 * Why there can be no such disk on this machine; undefined when there can be one. A kernel that has the file
 * system is no excuse for one that cannot be mounted.
 */
export const whyNone = async (type: ReflinkType): Promise<string | undefined> => {
  const known = await readFile('/proc/filesystems', 'utf8');
  if (known.split('\n').some((line) => line.trim() === type)) return undefined;
  try {
    const disk = await memoryDisk(type); // the kernel may have it as a module
    await disk[Symbol.asyncDispose]();
    return undefined;
  } catch (error) {
    return `no ${type} on this machine: ${(error as Error).message}`;
  }
};
