import { createHash, type Hash } from 'node:crypto';
import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { belowTop } from '../../archive/archive.ts';
import { TarReader } from '../../archive/tar.ts';
import type { BackTarget } from '../types.ts';

export type EngineTarget = BackTarget & { readonly kind: 'api' };

/** What a holder mounts, as the engine sends it: each file with its hash, names of links with the first one's. */
export async function* presentIn(
  { engine, holder, path }: EngineTarget,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly RecordEntry[], void, void> {
  let ready: RecordEntry[] = [];
  let entry: RecordEntry | undefined;
  let hash: Hash | undefined;
  const reader = new TarReader({
    entry: (member) => {
      const isLink = member.type === 'file' && member.target !== undefined;
      const target = isLink ? { target: belowTop(member.target as Buffer) } : {};
      entry = { ...member, path: belowTop(member.path), ...target };
      hash = member.type === 'file' && !isLink ? createHash('sha256') : undefined;
    },
    data: (chunk) => hash?.update(chunk),
    end: () => {
      if (entry === undefined) return;
      ready.push(hash === undefined ? entry : { ...entry, sha256: hash.digest('hex') });
    },
  });
  for await (const chunk of await engine.readArchive(holder, path, signal)) {
    reader.push(chunk as Buffer);
    if (ready.length > 0) yield ready;
    ready = [];
  }
  reader.end();
}
