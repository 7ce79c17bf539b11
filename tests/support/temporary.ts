import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A fresh folder; whoever asked removes it. */
export const temporaryFolder = (what: string, parent = tmpdir()): Promise<string> =>
  mkdtemp(join(parent, `sb-test-${what}-`));

/** All items of a stream of batches. */
export const collect = async <T>(batches: AsyncIterable<readonly T[]>): Promise<T[]> => {
  const all: T[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
};

/** One batch after another, for code that reads streams. */
export async function* stream<T>(...batches: readonly T[]): AsyncGenerator<T, void, void> {
  yield* batches;
}
