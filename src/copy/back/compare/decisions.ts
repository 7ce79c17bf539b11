import { join } from 'node:path';
import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { parentOf } from '../../changes/paths.ts';
import { PathSet } from '../../changes/seen.ts';
import type { BackPlan, Change } from '../types.ts';
import type { Narrowing } from '../wanted/narrow.ts';
import { Pile } from './pile.ts';

/** What has to be done, in files: there may be more of it than fits into memory. */
export class Decisions {
  /** Of the target: what has to go, the topmost of each tree. */
  readonly remove: Pile;
  /** Of the snapshot: what has to be made or made anew. Not sorted. */
  readonly make: Pile;
  /** Of the snapshot: files whose owner and mode have to be set, and nothing else. */
  readonly owner: Pile;
  /** Folders of the target with attributes that unpacking would not take away. */
  readonly renew: Buffer[] = [];
  /** Folders whose metadata has to be set at the end: other than it should be, or disturbed. */
  readonly folders = new PathSet();
  readonly #narrowing: Narrowing;
  readonly #tell: (change: Change) => void;
  readonly #count = { created: 0, replaced: 0, removed: 0, metadata: 0, same: 0, bytes: 0 };

  constructor(work: string, narrowing: Narrowing, tell: (change: Change) => void) {
    this.remove = new Pile(join(work, 'remove'));
    this.make = new Pile(join(work, 'make'));
    this.owner = new Pile(join(work, 'owner'));
    this.#narrowing = narrowing;
    this.#tell = tell;
  }

  #isUneasy = false;

  get plan(): BackPlan {
    return { ...this.#count };
  }

  get isNothing(): boolean {
    const { created, replaced, removed, metadata } = this.#count;
    return created + replaced + removed + metadata === 0 && !this.#isUneasy;
  }

  same(): void {
    this.#count.same++;
  }

  /** `bytes`: of its content, when this name carries it and others are linked to it. */
  made(entry: RecordEntry, kind: 'created' | 'replaced', bytes: number): void {
    this.make.add(entry);
    this.#disturb(entry);
    this.#told(entry, kind);
    this.#count.bytes += bytes;
  }

  /** `isTopmost`: what it lies in stays. */
  removed(entry: RecordEntry, isTopmost: boolean): void {
    if (isTopmost) {
      this.remove.add(entry);
      this.#disturb(entry);
    }
    this.#told(entry, 'removed');
  }

  /** Something of another type stands in the way of an entry that will be made. */
  cleared(entry: RecordEntry): void {
    this.remove.add(entry);
  }

  owned(entry: RecordEntry): void {
    this.owner.add(entry);
    this.#told(entry, 'metadata');
  }

  folder(entry: RecordEntry): void {
    this.folders.add(entry.path);
    this.#told(entry, 'metadata');
  }

  /** Attributes on both sides: setting them again costs less than reading them. */
  uneasy({ path }: RecordEntry): void {
    this.#isUneasy = true;
    this.folders.add(path);
    this.same();
  }

  /** A folder that has attributes a new one would not have: a new one takes its place, which the one above it shows. */
  renewed(entry: RecordEntry): void {
    this.renew.push(Buffer.from(entry.path));
    this.#disturb(entry);
  }

  #disturb(entry: RecordEntry): void {
    if (entry.type === 'dir') this.folders.add(entry.path);
    const parent = { path: parentOf(entry.path), type: 'dir' as const };
    // What lies above what is meant keeps its own, but for its time.
    if (this.#narrowing.has(parent)) this.folders.add(parent.path);
  }

  #told({ path, type, size }: RecordEntry, kind: Change['kind']): void {
    this.#count[kind]++;
    this.#tell({ path: Buffer.from(path), kind, type, size: type === 'file' ? size : 0 });
  }

  close(): void {
    for (const pile of [this.remove, this.make, this.owner]) pile.close();
  }
}
