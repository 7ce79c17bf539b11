import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { PathSet } from '../../changes/seen.ts';

const bytes = (...parts: readonly (Buffer | string | number | bigint)[]): Buffer =>
  Buffer.concat(
    parts.flatMap((part) => [Buffer.isBuffer(part) ? part : Buffer.from(String(part)), Buffer.from([0])]),
  );

/**
 * What is awaited of an archive, as fingerprints: it comes in an order of its own, and there may be a million
 * of it. Seeds are random, so nobody can make two that collide.
 */
export class Members {
  readonly #paths = new PathSet();
  readonly #exact = new PathSet();
  readonly #contents = new PathSet();
  readonly #taken = new PathSet();
  /** How many are awaited still. */
  missing = 0;

  /** `path` is the member's: of a hard-linked file the name that carries its bytes. */
  expect(path: Buffer, entry: RecordEntry): void {
    const part = entry.part ?? 0;
    this.#paths.add(bytes(part, path));
    this.#exact.add(this.#likeness(part, path, entry));
    if (entry.sha256 !== undefined) this.#contents.add(bytes(path, entry.sha256));
    this.missing++;
  }

  #likeness(
    part: number,
    path: Buffer,
    { type, mode, uid, gid, size, mtimeNs, target }: RecordEntry,
  ): Buffer {
    const sized = type === 'file' ? size : 0;
    return bytes(part, path, type, mode, uid, gid, sized, mtimeNs, target ?? '');
  }

  /** `none`: it is not awaited · `wrong`: it is, but is not what the index says, or came before. */
  take(part: number, member: RecordEntry): 'none' | 'wrong' | 'right' {
    const key = bytes(part, member.path);
    if (!this.#paths.has(key)) return 'none';
    if (!this.#exact.has(this.#likeness(part, member.path, member)) || this.#taken.has(key)) return 'wrong';
    this.#taken.add(key);
    this.missing--;
    return 'right';
  }

  isContent(path: Buffer, sha256: string): boolean {
    return this.#contents.has(bytes(path, sha256));
  }
}
