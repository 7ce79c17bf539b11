import type { RecordEntry } from '../../snapshot/entries/records.ts';
import { belowTop, openArchive } from './archive.ts';
import type { TarLimit } from './tar/guard.ts';
import { TarReader } from './tar.ts';

/** Takes the content of one member. */
export interface MemberSink {
  /** The bytes must be taken, or copied, when it resolves. */
  write(chunk: Buffer): Promise<void>;
  /** It is complete. */
  end(): Promise<void>;
}

/**
 * Reads one file of an archive and hands out the content of those members that a sink is given for; of the others
 * nothing is kept. Paths are below the archive's one top folder. Stops early when `sinkFor` answers `done`: what
 * follows is not even unpacked. Constant memory; a slow sink slows the reading down.
 */
export const readMembers = async (
  file: string,
  sinkFor: (member: RecordEntry) => MemberSink | 'done' | undefined,
  signal?: AbortSignal,
  limit?: TarLimit,
): Promise<void> => {
  let sink: MemberSink | undefined;
  let isDone = false;
  let waiting: (() => Promise<void>)[] = [];
  const reader = new TarReader(
    {
      entry: (member) => {
        sink = undefined;
        if (isDone) return;
        const answer = sinkFor({ ...member, path: belowTop(member.path) });
        if (answer === 'done') isDone = true;
        else sink = answer;
      },
      data: (chunk) => {
        const here = sink;
        if (here !== undefined) waiting.push(() => here.write(chunk));
      },
      end: () => {
        const here = sink;
        if (here !== undefined) waiting.push(() => here.end());
      },
    },
    limit,
  );
  const archive = openArchive(file);
  try {
    for await (const chunk of archive.plain as AsyncIterable<Buffer>) {
      signal?.throwIfAborted();
      reader.push(chunk);
      for (const step of waiting) await step();
      waiting = [];
      if (isDone) return;
    }
    reader.end();
  } finally {
    archive.close();
  }
};
