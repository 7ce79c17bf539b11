import { statfs } from 'node:fs/promises';
import { type ErrorCode, errnoOf, messageOf, StackBackupError } from '../errors.ts';

type Trouble = 'full' | 'quota' | 'read-only' | 'failed';

const byErrno: Readonly<Record<string, Trouble>> = {
  ENOSPC: 'full',
  EDQUOT: 'quota',
  EROFS: 'read-only',
  EIO: 'failed',
  ENXIO: 'failed',
  ENODEV: 'failed',
  EUCLEAN: 'failed',
  ESTALE: 'failed',
  ENOTCONN: 'failed',
};

/** What the programs of GNU say in the C locale; only who writes can hear these. */
const byText: readonly (readonly [RegExp, Trouble])[] = [
  [/: No space left on device\b/, 'full'],
  [/: Disk quota exceeded\b/, 'quota'],
  [/: Read-only file system\b/, 'read-only'],
];

/** These are heard by who reads, too: they count when what they name lies in the folder. */
const failures =
  /: (Input\/output error|Structure needs cleaning|Stale file handle|No such device or address)\b/;

interface Found {
  readonly trouble: Trouble;
  readonly said: string;
}

const inLine = (line: string, folder: string): Trouble | undefined => {
  const written = byText.find(([pattern]) => pattern.test(line))?.[1];
  if (written !== undefined) return written;
  // "error copying 'a' to 'b'" leaves open which of the two it was.
  const isHere = line.includes(`${folder}/`) && !line.includes('error copying');
  return isHere && failures.test(line) ? 'failed' : undefined;
};

/** In the words of a child: the first of them that tell. */
const inWords = (message: string, folder: string): Found | undefined => {
  for (const line of message.split(/\n|; /)) {
    const trouble = inLine(line, folder);
    if (trouble !== undefined) return { trouble, said: line.trim() };
  }
  return undefined;
};

/** A system error that names a file elsewhere is about another disk. */
const isElsewhere = (error: Error, folder: string): boolean => {
  const { path, dest } = error as { path?: unknown; dest?: unknown };
  const named = [path, dest].filter((one) => typeof one === 'string');
  return named.length > 0 && !named.some((one) => one === folder || one.startsWith(`${folder}/`));
};

/** Of these steps the disk may have been the cause. A hook, for one, may tell of a disk of its own. */
const suspects: readonly ErrorCode[] = ['internal', 'copy-failed', 'backups-unusable'];

const ofSystem = (error: Error, folder: string): Found | undefined => {
  const trouble = byErrno[errnoOf(error) ?? ''];
  if (trouble === undefined || isElsewhere(error, folder)) return undefined;
  return { trouble, said: messageOf(error) };
};

const find = (thrown: unknown, folder: string): Found | undefined => {
  if (!(thrown instanceof Error)) return undefined;
  if (!(thrown instanceof StackBackupError)) return ofSystem(thrown, folder) ?? find(thrown.cause, folder);
  if (!suspects.includes(thrown.code)) return undefined;
  const told = inWords(thrown.message, folder);
  if (told !== undefined) return told;
  const behind = find(thrown.cause, folder);
  if (behind === undefined) return undefined;
  const isSaid = thrown.message.includes(behind.said);
  return { ...behind, said: isSaid ? thrown.message : `${thrown.message}: ${behind.said}` };
};

const advice: Readonly<Record<Trouble, string>> = {
  full: 'Free some space there, or choose another folder with `backups:` or --backups; then run it again.',
  quota: 'Have the quota raised, or choose another folder with `backups:` or --backups; then run it again.',
  'read-only':
    'Look into the kernel log (`dmesg`) for the reason; mount it writable again, then run it again.',
  failed: 'Look into the kernel log (`dmesg`) and at the health of that disk; then run it again.',
};

/** A disk without inodes says the same as one without bytes. */
const fullness = async (folder: string): Promise<string> => {
  const free = await statfs(folder).catch(() => undefined);
  return free !== undefined && free.files > 0 && free.ffree === 0 ? 'has no inodes left' : 'is full';
};

const stateOf = async (trouble: Trouble, folder: string): Promise<string> => {
  if (trouble === 'full') return await fullness(folder);
  if (trouble === 'quota') return 'has no quota left';
  return trouble === 'read-only' ? 'has become read-only' : 'fails';
};

/**
 * What went wrong, in words, when it was the file system of `folder` that gave trouble: full (`space-short`),
 * read-only or failing (`backups-unusable`). Looks at system errors, at their causes, and at what children
 * said. Undefined when it was something else. Ask before anything is removed: it looks at what is free.
 */
export const diskTrouble = async (thrown: unknown, folder: string): Promise<StackBackupError | undefined> => {
  const found = find(thrown, folder);
  if (found === undefined) return undefined;
  const { trouble, said } = found;
  return new StackBackupError(
    trouble === 'full' || trouble === 'quota' ? 'space-short' : 'backups-unusable',
    `the file system of ${folder} ${await stateOf(trouble, folder)}: ${said}`,
    { cause: thrown, next: advice[trouble] },
  );
};
