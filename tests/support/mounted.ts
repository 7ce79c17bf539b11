import { mkdir } from 'node:fs/promises';
import { run } from '../../src/base/process.ts';

const must = async (...command: readonly string[]): Promise<void> => {
  const ended = await run(command);
  if (ended.exitCode !== 0) throw new Error(`${command.join(' ')} failed: ${ended.stderr}`);
};

export interface Mounted extends AsyncDisposable {
  /** Mounts it again with other options, such as `ro`. */
  remount(options: string): Promise<void>;
}

/** A file system of its own in memory at `path`, with these options (`size=8m,nr_inodes=32`); gone when disposed of. */
export const mountedMemory = async (path: string, options: string): Promise<Mounted> => {
  await mkdir(path, { recursive: true });
  await must('mount', '-t', 'tmpfs', '-o', `mode=0700,${options}`, 'stack-backup-test', path);
  return {
    remount: (other) => must('mount', '-o', `remount,${other}`, path),
    [Symbol.asyncDispose]: () => must('umount', path),
  };
};
