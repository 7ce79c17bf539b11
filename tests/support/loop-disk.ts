import { mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/base/process.ts';

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
  /** The device is as it was before `breakDown`; what could not be written meanwhile is lost. */
  repair(): Promise<void>;
  /** Mounts it again with other options, such as `ro`. */
  remount(options: string): Promise<void>;
  /** Takes it away from under whoever uses it. */
  unmount(): Promise<void>;
  mount(): Promise<void>;
}

/** Makes one of so many MiB and mounts it at `path`. Disposing of it leaves neither mount nor device. */
export const loopDisk = async (
  path: string,
  size: { readonly mib: number; readonly inodes?: number },
): Promise<LoopDisk> => {
  const folder = await mkdtemp(join(tmpdir(), 'stack-backup-disk-'));
  const image = join(folder, 'image');
  await must('truncate', '-s', `${size.mib}M`, image);
  const inodes = size.inodes === undefined ? [] : ['-N', String(size.inodes)];
  await must('mkfs.ext4', '-q', '-F', '-m', '0', ...inodes, image);
  const device = await must('losetup', '--find', '--show', image);
  await mkdir(path, { recursive: true });
  const mount = (): Promise<string> => must('mount', device, path);
  await mount().catch(async (error: unknown) => {
    await must('losetup', '-d', device);
    throw error;
  });
  await rm(join(path, 'lost+found'), { recursive: true });
  let mounted = true;
  const unmount = async (): Promise<void> => {
    await must('umount', '--lazy', path);
    mounted = false;
  };
  const disk: LoopDisk = {
    path,
    free: async () => {
      const { bfree, bsize, ffree } = await statfs(path);
      return { bytes: bfree * bsize, inodes: ffree };
    },
    fill: async (leave) => {
      const filler = join(path, '.filler');
      // To the last block, which `fallocate` does not reach; then so much is given back.
      await run(['dd', 'if=/dev/zero', `of=${filler}`, 'bs=64k', 'conv=fsync', 'status=none']);
      await run(['dd', 'if=/dev/zero', `of=${filler}`, 'bs=1k', 'oflag=append', 'conv=notrunc,fsync']);
      await must('truncate', '-s', `-${leave}`, filler);
      await must('sync', '-f', path);
    },
    fillInodes: async (leave) => {
      const many = join(path, '.many');
      await mkdir(many);
      const { inodes } = await disk.free();
      for (let made = leave; made < inodes; made++) await writeFile(join(many, String(made)), '');
    },
    empty: async () => {
      for (const name of ['.filler', '.many']) await rm(join(path, name), { recursive: true, force: true });
    },
    breakDown: async () => void (await limitTo(device, 1024 * 1024)),
    repair: async () => {
      await limitTo(device, 0);
      if (mounted) await unmount();
      await disk.mount();
    },
    remount: async (options) => void (await must('mount', '-o', `remount,${options}`, path)),
    unmount,
    mount: async () => {
      await mount();
      mounted = true;
    },
    [Symbol.asyncDispose]: async () => {
      try {
        if (mounted) await unmount();
      } finally {
        await must('losetup', '-d', device);
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
  return disk;
};
