import { stat } from 'node:fs/promises';
import { messageOf, StackBackupError } from '../../base/errors.ts';
import { run } from '../../base/process.ts';
import { printable } from '../../base/text/printable.ts';
import type { Opened } from '../../snapshot/verify.ts';
import { sqliteProcess } from './command.ts';
import type { SqliteAnswer, SqliteRequest } from './process.ts';

/** Result codes that mean damage: SQLITE_CORRUPT and SQLITE_NOTADB (sqlite.org/rescode.html). */
const damage = new Set([11, 26]);

/** What SQLite and the process around it may take, bytes. */
const memory = 256 * 1024 * 1024;
const processFlags = ['--max-old-space-size=64'];
/** A check reads at far more than this; one that takes longer was made to. */
const slowestPerSecond = 2 * 1024 * 1024;
const leastMs = 120_000;

const bytesOf = async (path: string): Promise<number> => {
  const sizes = [path, `${path}-wal`, `${path}-journal`].map((one) =>
    stat(one).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
};

const judged = ({ failure, findings, refusal }: SqliteAnswer): Opened => {
  const words = (text: string): string => printable(text.split('\n')[0]?.slice(0, 300) ?? '');
  if (refusal !== undefined)
    return { is: 'unknown', why: 'its journal is part of a transaction over several databases' };
  if (failure !== undefined)
    return { is: damage.has(failure.code & 0xff) ? 'damaged' : 'unknown', why: words(failure.message) };
  return findings.length === 0 ? { is: 'sound' } : { is: 'damaged', why: words(findings.join('; ')) };
};

/**
 * Opens a scratch copy of a database (its `-wal` or `-journal` beside it) as the application would after a power
 * cut, and has SQLite check all of it. In a process of its own, with limits: the file is untrusted. The copy
 * is changed by that.
 */
export const openSqliteCopy = async (path: string, signal: AbortSignal | undefined): Promise<Opened> => {
  const request: SqliteRequest = { source: path, use: 'own', check: 'full', checkpoint: false, memory };
  try {
    const ended = await run(sqliteProcess(processFlags), {
      input: JSON.stringify(request),
      timeoutMs: leastMs + ((await bytesOf(path)) / slowestPerSecond) * 1000,
      maxBuffer: 1024 * 1024,
      ...(signal && { signal }),
    });
    if (ended.exitCode !== 0)
      return { is: 'unknown', why: `the process that checked it ended with exit code ${ended.exitCode}` };
    return judged(JSON.parse(ended.stdout.toString('utf8')) as SqliteAnswer);
  } catch (thrown) {
    if (signal?.aborted || (thrown instanceof StackBackupError && thrown.code === 'interrupted'))
      throw thrown;
    return { is: 'unknown', why: messageOf(thrown) };
  }
};
