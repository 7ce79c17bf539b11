import { StackBackupError } from '../../../base/errors.ts';
import { formatRecord, printable, type RecordEntry } from '../../../snapshot/entries/records.ts';
import type { PathSet } from '../../changes/seen.ts';
import { belowTop } from '../archive.ts';
import { TarReader } from '../tar.ts';
import { ContentHash, Parts } from './bytes.ts';
import type { Contents } from './layer.ts';

/** Picks the members that count out of one layer after the other: their bytes, and what they are. */
export class Picker {
  readonly #wanted: PathSet;
  #later: readonly Contents[] = [];
  /** Folders that a later layer has, and that stand in the result already. */
  readonly #early = new Set<string>();
  #keeps = false;
  #hash: ContentHash | undefined;
  #entry: RecordEntry | undefined;
  readonly #raw = new Parts();
  #records: Buffer[] = [];
  recordBytes = 0;
  entries = 0;

  constructor(wanted: PathSet) {
    this.#wanted = wanted;
  }

  reader(later: readonly Contents[]): TarReader {
    this.#later = later;
    return new TarReader({
      entry: (entry) => this.#begin(entry),
      data: (chunk) => this.#hash?.update(chunk),
      end: () => this.#end(),
      raw: (chunk) => {
        if (this.#keeps) this.#raw.add(chunk);
      },
    });
  }

  #begin(member: RecordEntry): void {
    const path = belowTop(member.path);
    const isLatest = !this.#later.some(({ paths }) => paths.has(path));
    this.#keeps = this.#wanted.has(path) && isLatest && !this.#early.has(path.toString('latin1'));
    this.#hash = undefined;
    if (member.type === 'dir' && !isLatest) this.#bringForward(path);
    if (!this.#keeps) return;
    this.entries++;
    const isLink = member.type === 'file' && member.target !== undefined;
    if (isLink) this.#assertCarried(path, belowTop(member.target as Buffer));
    this.#entry = { ...member, path, ...(isLink && { target: belowTop(member.target as Buffer) }) };
    if (member.type === 'file' && !isLink) this.#hash = new ContentHash();
  }

  /** A link whose bytes stand under a name that is not kept would be an archive that cannot be unpacked. */
  #assertCarried(path: Buffer, target: Buffer): void {
    if (this.#wanted.has(target) && !this.#later.some(({ paths }) => paths.has(target))) return;
    throw new StackBackupError(
      'copy-failed',
      `${printable(path)} is the same file as ${printable(target)}, which was moved away while it was copied`,
      { next: 'Run the backup again.' },
    );
  }

  /** A folder as a later layer has it, in the place of its first: it has to come before what lies in it. */
  #bringForward(path: Buffer): void {
    const name = path.toString('latin1');
    const latest = this.#later.findLast(({ paths }) => paths.has(path))?.folders.get(name);
    if (latest === undefined || this.#early.has(name) || !this.#wanted.has(path)) return;
    this.#early.add(name);
    this.entries++;
    for (const part of latest.raw) this.#raw.add(part);
    this.#note(latest.entry);
  }

  #end(): void {
    if (!this.#keeps || this.#entry === undefined) return;
    const sha256 = this.#hash?.digest();
    this.#hash = undefined;
    this.#note(sha256 === undefined ? this.#entry : { ...this.#entry, sha256 });
  }

  #note(entry: RecordEntry): void {
    const record = formatRecord(entry);
    this.#records.push(record);
    this.recordBytes += record.length;
  }

  /** The bytes that have come together since it was asked last; they lie where they were read. */
  take(): readonly Buffer[] {
    this.#hash?.settle();
    return this.#raw.take();
  }

  /** What has come together since it was asked last. */
  takeRecords(): Buffer {
    const taken = Buffer.concat(this.#records);
    this.#records = [];
    this.recordBytes = 0;
    return taken;
  }
}
