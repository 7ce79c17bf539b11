import { type FileHandle, open } from 'node:fs/promises';
import { StackBackupError } from '../../base/errors.ts';
import { printable } from '../../snapshot/entries/records.ts';
import type { Extraction } from '../../snapshot/verify.ts';
import { type MemberSink, readMembers } from './members.ts';

/** A file that is made when the first byte comes, and closed when the last one has. */
const fileSink = (path: string, opened: Set<FileHandle>): MemberSink => {
  let file: FileHandle | undefined;
  const opening = async (): Promise<FileHandle> => {
    file ??= await open(path, 'wx', 0o600);
    opened.add(file);
    return file;
  };
  return {
    write: async (chunk) => {
      await (await opening()).writeFile(chunk);
    },
    end: async () => {
      const whole = await opening();
      opened.delete(whole);
      await whole.close();
    },
  };
};

/**
 * Writes the content of some regular files of a `.tar.zst` (0600), each where it is asked for; what is not in it
 * is left out. Nothing else of it reaches the disk. Rejects with `verify-failed` for one of another size.
 */
export const extract = async (
  file: string,
  wanted: readonly Extraction[],
  signal?: AbortSignal,
): Promise<void> => {
  const left = new Map(wanted.map((one) => [one.path.toString('latin1'), one]));
  const opened = new Set<FileHandle>();
  try {
    await readMembers(
      file,
      (member) => {
        if (left.size === 0) return 'done';
        const name = member.path.toString('latin1');
        const one = member.type === 'file' && member.target === undefined ? left.get(name) : undefined;
        if (one === undefined) return undefined;
        if (member.size !== one.size)
          throw new StackBackupError(
            'verify-failed',
            `${printable(member.path)} is not as large as its index says`,
          );
        left.delete(name);
        return fileSink(one.into, opened);
      },
      signal,
    );
  } finally {
    for (const file of opened) await file.close();
  }
};
