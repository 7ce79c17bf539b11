import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { PathSet } from '../../changes/seen.ts';
import { FolderAttributes, isAttribute } from '../compare/attributes.ts';

/** What one reading of all files of an archive finds besides the bytes. */
export class Findings {
  readonly folders: FolderAttributes;
  /** Paths of other members with attributes. */
  readonly marked = new PathSet();
  /** Members that count, each in the file that holds it. */
  readonly #held = new PathSet();

  constructor(name: string) {
    this.folders = new FolderAttributes(name);
  }

  #key(part: number, path: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`${part}/`), path]);
  }

  expect({ part, path }: RecordEntry): void {
    this.#held.add(this.#key(part ?? 0, path));
  }

  note(part: number, { type, path }: RecordEntry, records: ReadonlyMap<string, Buffer>): void {
    if (![...records.keys()].some(isAttribute) || !this.#held.has(this.#key(part, path))) return;
    if (type === 'dir') this.folders.add(path.toString('latin1'), records);
    else this.marked.add(path);
  }
}
