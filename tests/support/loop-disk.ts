import { access, mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from '../../src/base/process.ts';
import { until } from './until.ts';

const must = async (...command: readonly string[]): Promise<string> => {
  const ended = await run(command);
  if (ended.exitCode !== 0) throw new Error(`${command.join(' ')} failed: ${ended.stderr}`);
  return ended.stdout.toString('utf8').trim();
};

/**
 * Makes a loop device end after so many bytes, 0 for where its file ends (loop(4), LOOP_SET_STATUS64, whose
 * `lo_sizelimit` are the 8 bytes at 32). What lies behind is not lost: the device refuses to read or write it.
 */
const limitTo = (device: string, bytes: number): Promise<string> =>
  must(
    'perl',
    '-e',
    `my ($device, $bytes) = @ARGV;
     open(my $loop, '+<', $device) or die "$device: $!";
     my $info = "\\0" x 232;
     ioctl($loop, 0x4C05, $info) or die "get: $!";
     substr($info, 32, 8) = pack('Q', $bytes);
     ioctl($loop, 0x4C04, $info) or die "set: $!";`,
    device,
    String(bytes),
  );

/** Whether the kernel has let go of the file system of this device. */
const isFree = (device: string): Promise<boolean> =>
  access(`/sys/fs/ext4/${basename(device)}`).then(
    () => false,
    () => true,
  );

/** A block device that can be made to fail every access: its file lies on another one, which can be cut off. */
const makeDevice = async (folder: string, mib: number, inodes: number | undefined) => {
  const undo: (() => Promise<unknown>)[] = [];
  const discard = async (): Promise<void> => {
    for (const step of undo.toReversed()) await step();
  };
  const attach = async (file: string, ...options: readonly string[]): Promise<string> => {
    const device = await must('losetup', '--find', '--show', ...options, file);
    undo.push(() => must('losetup', '-d', device));
    return device;
  };
  undo.push(() => rm(folder, { recursive: true, force: true }));
  try {
    const below = join(folder, 'below');
    await must('truncate', '-s', `${mib + 8}M`, below);
    // All that it keeps for itself lies within its first few blocks, and these stay.
    const plain = ['-b', '4096', '-m', '0', '-N', '16', '-O', '^has_journal,^resize_inode,^flex_bg'];
    await must('mkfs.ext4', '-q', '-F', ...plain, below);
    const outer = await attach(below);
    const place = join(folder, 'mounted');
    await mkdir(place);
    await must('mount', '-o', 'noatime,lazytime,errors=continue', outer, place);
    undo.push(() => must('umount', '--lazy', place));
    const image = join(place, 'image');
    await must('dd', 'if=/dev/zero', `of=${image}`, 'bs=1M', `count=${mib}`, 'conv=fsync', 'status=none');
    const count = inodes === undefined ? [] : ['-N', String(inodes)];
    await must('mkfs.ext4', '-q', '-F', '-m', '0', ...count, image);
    await must('sync', '-f', place);
    // Past the memory of the file system below: what it has read once it could give again.
    const device = await attach(image, '--direct-io=on');
    return { device, limit: (bytes: number) => limitTo(outer, bytes), discard };
  } catch (error) {
    await discard();
    throw error;
  }
};

/** A small disk of its own, with an ext4 on it, that can be filled, broken, unmounted. */
export interface LoopDisk extends AsyncDisposable {
  readonly path: string;
  /** Bytes that root can still write, and inodes that can still be made. */
  free(): Promise<{ readonly bytes: number; readonly inodes: number }>;
  /** Writes a file until only so many bytes are free. */
  fill(leave: number): Promise<void>;
  /** Makes empty files until only so many inodes are free. */
  fillInodes(leave: number): Promise<void>;
  /** Removes what `fill` and `fillInodes` made. */
  empty(): Promise<void>;
  /** From now on every access to the device fails with EIO. What is in memory can be read still. */
  breakDown(): Promise<void>;
  /** The device is as it was before `breakDown`. */
  mend(): Promise<void>;
  /** The same, and it is mounted afresh: what could not be written meanwhile is lost. */
  repair(): Promise<void>;
  /** Mounts it again with other options, such as `ro`. */
  remount(options: string): Promise<void>;
  /** Takes it away from under whoever uses it. */
  unmount(): Promise<void>;
  mount(): Promise<void>;
}

/** Fills to the last block, which `fallocate` does not reach; then gives so much back. */
const fill = async (path: string, leave: number): Promise<void> => {
  const filler = join(path, '.filler');
  await run(['dd', 'if=/dev/zero', `of=${filler}`, 'bs=64k', 'conv=fsync', 'status=none']);
  await run(['dd', 'if=/dev/zero', `of=${filler}`, 'bs=1k', 'oflag=append', 'conv=notrunc,fsync']);
  await must('truncate', '-s', `-${leave}`, filler);
  await must('sync', '-f', path);
};

/** Makes one of so many MiB and mounts it at `path`. Disposing of it leaves neither mounts nor devices. */
export const loopDisk = async (
  path: string,
  size: { readonly mib: number; readonly inodes?: number },
): Promise<LoopDisk> => {
  const folder = await mkdtemp(join(tmpdir(), 'stack-backup-disk-'));
  const { device, limit, discard } = await makeDevice(folder, size.mib, size.inodes);
  let mounted = false;
  const mount = async (): Promise<void> => {
    await must('mount', '-o', 'noatime', device, path);
    mounted = true;
  };
  const unmount = async (): Promise<void> => {
    await must('umount', '--lazy', path);
    mounted = false;
  };
  const dispose = async (): Promise<void> => {
    try {
      if (mounted) await unmount();
    } finally {
      await discard();
    }
  };
  const disk: LoopDisk = {
    path,
    free: async () => {
      const { bfree, bsize, ffree } = await statfs(path);
      return { bytes: bfree * bsize, inodes: ffree };
    },
    fill: (leave) => fill(path, leave),
    fillInodes: async (leave) => {
      const many = join(path, '.many');
      await mkdir(many);
      const { inodes } = await disk.free();
      for (let made = leave; made < inodes; made++) await writeFile(join(many, String(made)), '');
    },
    empty: async () => {
      for (const name of ['.filler', '.many']) await rm(join(path, name), { recursive: true, force: true });
    },
    breakDown: async () => void (await limit(256 * 1024)),
    mend: async () => {
      await limit(0);
      // What could not be written meanwhile the kernel tells whoever flushes next, once: that is nobody's fault now.
      await run(['sync', '-f', path]);
    },
    repair: async () => {
      await disk.mend();
      if (mounted) await unmount();
      // A container that was just starting had a copy of the mount: as long as it lives, so does what went wrong.
      await until(`${device} is free`, () => isFree(device));
      await mount();
    },
    remount: async (options) => void (await must('mount', '-o', `remount,${options}`, path)),
    unmount,
    mount,
    [Symbol.asyncDispose]: dispose,
  };
  try {
    await mkdir(path, { recursive: true });
    await mount();
    await rm(join(path, 'lost+found'), { recursive: true });
    return disk;
  } catch (error) {
    await dispose();
    throw error;
  }
};
