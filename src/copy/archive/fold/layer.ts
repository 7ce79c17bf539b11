import { open } from 'node:fs/promises';
import { StackBackupError } from '../../../base/errors.ts';
import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { PathSet } from '../../changes/seen.ts';
import { belowTop } from '../archive.ts';
import { TarReader } from '../tar.ts';

const pieceBytes = 1024 * 1024;

/**
 * Reads a file piece by piece. Two pieces of memory serve in turns, however large the file is: one may still be
 * needed while the next is read, but not when the one after that is.
 */
export const eachPiece = async (
  path: string,
  signal: AbortSignal | undefined,
  take: (piece: Buffer) => Promise<void>,
): Promise<void> => {
  await using file = await open(path);
  const pieces = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)] as const;
  for (let turn = 0; ; turn = 1 - turn) {
    if (signal?.aborted) throw new StackBackupError('interrupted', `reading ${path} was interrupted`);
    const piece = pieces[turn as 0 | 1];
    const { bytesRead } = await file.read(piece, 0, pieceBytes);
    if (bytesRead === 0) return;
    await take(piece.subarray(0, bytesRead));
  }
};

interface Member {
  readonly entry: RecordEntry;
  readonly raw: readonly Buffer[];
}

/** What a layer has: its paths below the top, and its folders whole, by path as Latin-1. */
export interface Contents {
  readonly paths: PathSet;
  readonly folders: ReadonlyMap<string, Member>;
}

export const contentsOf = async (file: string, signal: AbortSignal | undefined): Promise<Contents> => {
  const paths = new PathSet();
  const folders = new Map<string, Member>();
  let raw: Buffer[] | undefined;
  const reader = new TarReader({
    entry: (member) => {
      const path = belowTop(member.path);
      paths.add(path);
      raw = member.type === 'dir' ? [] : undefined;
      if (raw !== undefined) folders.set(path.toString('latin1'), { entry: { ...member, path }, raw });
    },
    raw: (chunk) => raw?.push(Buffer.from(chunk)),
  });
  await eachPiece(file, signal, async (piece) => reader.push(piece));
  reader.end();
  return { paths, folders };
};
