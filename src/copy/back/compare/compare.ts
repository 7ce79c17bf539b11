import { join } from 'node:path';
import { sideBySide } from '../../../snapshot/entries/compare.ts';
import { type RecordEntry, readRecords } from '../../../snapshot/entries/records.ts';
import { isBelow } from '../../changes/paths.ts';
import { refused } from '../trouble.ts';
import type { BackOptions, BackSource } from '../types.ts';
import type { Narrowing } from '../wanted/narrow.ts';
import type { Wanted } from '../wanted/wanted.ts';
import { marksOf } from './attributes.ts';
import { contentIs, Doubted } from './content.ts';
import type { Decisions } from './decisions.ts';
import { judge, TargetLinks } from './judge.ts';
import { Pile } from './pile.ts';

export interface Comparison {
  readonly source: BackSource;
  readonly wanted: Wanted;
  readonly narrowing: Narrowing;
  /** Absolute path of the target's root. */
  readonly target: string;
  /** Sorted records of what is in it. */
  readonly present: string;
  /** A folder for working files. */
  readonly work: string;
  readonly options: BackOptions;
  /** Of entries of the snapshot, in their order, whether each has extended attributes or an ACL. */
  readonly marks: (entries: readonly RecordEntry[]) => Promise<readonly boolean[]>;
}

/** What a walk alone cannot tell. */
interface Doubts {
  /** Files whose content has to be read; `owner`: whose owner or mode differs besides. */
  readonly content: Doubted;
  readonly owner: Doubted;
  /** Entries that are equal but for attributes, which nobody has looked at yet. */
  readonly attributes: Pile;
}

/** Walks the snapshot's index and the target side by side. */
class Sorter {
  readonly #comparison: Comparison;
  readonly #decisions: Decisions;
  readonly #doubts: Doubts;
  readonly #targetLinks = new TargetLinks();
  readonly #settled: bigint;
  /** The folder that goes, as a whole, with all that is in it. */
  #leaving: Buffer | undefined;

  constructor(comparison: Comparison, decisions: Decisions, doubts: Doubts) {
    this.#comparison = comparison;
    this.#decisions = decisions;
    this.#doubts = doubts;
    this.#settled = BigInt(comparison.source.mount.settled ?? 0);
  }

  async run(): Promise<void> {
    const { wanted, present } = this.#comparison;
    for await (const batch of readRecords(present)) for (const entry of batch) this.#targetLinks.add(entry);
    for await (const rows of sideBySide(wanted.entries(), readRecords(present)))
      for (const [is, found] of rows) this.#row(is, found);
  }

  #row(wanted: RecordEntry | undefined, found: RecordEntry | undefined): void {
    if (found !== undefined && isBelow(found.path, this.#leaving)) this.#decisions.removed(found, false);
    else if (wanted !== undefined && found !== undefined) this.#both(wanted, found);
    else if (wanted !== undefined) this.make(wanted, 'created');
    else if (found !== undefined && this.#comparison.narrowing.has(found)) this.#remove(found);
  }

  #remove(found: RecordEntry): void {
    if (found.type === 'dir') this.#leaving = Buffer.from(found.path);
    this.#decisions.removed(found, true);
  }

  #both(wanted: RecordEntry, found: RecordEntry): void {
    const { wanted: all, narrowing } = this.#comparison;
    const isDir = wanted.type === 'dir';
    // A folder above what is meant has to be there; what it is like is not our affair.
    if (!narrowing.has(wanted) && isDir && found.type === 'dir') return;
    const likeness = judge(wanted, found, {
      links: all.links,
      targetLinks: this.#targetLinks,
      settled: this.#settled,
    });
    if (likeness === 'same') this.#decisions.same();
    else if (likeness === 'metadata') this.#decisions.folder(wanted);
    if (likeness === 'owner') this.#doubts.owner.add(wanted, found);
    if (likeness === 'likely' && wanted.type === 'file') this.#doubts.content.add(wanted, found);
    if (likeness === 'metadata' || (likeness === 'likely' && wanted.type !== 'file'))
      this.#doubts.attributes.add(wanted);
    if (likeness !== 'other') return;
    if (isDir !== (found.type === 'dir')) {
      if (found.type === 'dir') this.#leaving = Buffer.from(found.path);
      this.#decisions.cleared(found);
    }
    this.make(wanted, 'replaced');
  }

  /** It has to be written. */
  make(wanted: RecordEntry, kind: 'created' | 'replaced'): void {
    const { source, options } = this.#comparison;
    const { type, path } = wanted;
    if ((type === 'block' || type === 'char') && options.devices !== true)
      throw refused(source.mount.name, 'it is a device node, and `--devices` was not given', path);
    this.#decisions.made(wanted, kind, this.#bytesOf(wanted));
  }

  /** All is equal; these have attributes. */
  equal(entry: RecordEntry, has: boolean, should: boolean): void {
    const decisions = this.#decisions;
    if (entry.type !== 'dir') {
      if (has || should) this.make(entry, 'replaced');
      else decisions.same();
      return;
    }
    const isTold = decisions.folders.has(entry.path);
    if (has) decisions.renewed(entry);
    if (isTold) return;
    if (has !== should) decisions.folder(entry);
    else if (has) decisions.uneasy(entry);
    else decisions.same();
  }

  #bytesOf({ type, size, path }: RecordEntry): number {
    const name = path.toString('latin1');
    const group = this.#comparison.wanted.links.get(name);
    return type === 'file' && (group === undefined || group.names[0] === name) ? size : 0;
  }
}

/** Entries at a time whose attributes are asked for. */
const attributeBatch = 20_000;

async function* grouped(pile: Pile): AsyncGenerator<readonly RecordEntry[], void, void> {
  let group: RecordEntry[] = [];
  for await (const batch of pile.entries()) {
    group.push(...batch);
    if (group.length < attributeBatch) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** Decides about what a walk found equal, by the attributes that each side has. */
const attributesAre = async (
  pile: Pile,
  { target, wanted, options, marks }: Comparison,
  decisions: Decisions,
  tell: (entry: RecordEntry, has: boolean, should: boolean) => void,
): Promise<void> => {
  for await (const entries of grouped(pile)) {
    // Folders that are set anew anyway get what the snapshot has.
    const asked = entries.filter((entry) => entry.type !== 'dir' || !decisions.folders.has(entry.path));
    const [found, answers] = await Promise.all([
      marksOf(target, wanted.type, entries, options.signal),
      asked.length === 0 ? [] : marks(asked),
    ]);
    const saved = new Set(asked.filter((_, place) => answers[place] === true));
    for (const [place, entry] of entries.entries()) tell(entry, found[place] === true, saved.has(entry));
  }
};

/** Decides what has to be done so that the target becomes what the snapshot has. Changes nothing. */
export const compare = async (comparison: Comparison, decisions: Decisions): Promise<void> => {
  const { work } = comparison;
  const doubts: Doubts = {
    content: new Doubted(join(work, 'content')),
    owner: new Doubted(join(work, 'content-owner')),
    attributes: new Pile(join(work, 'attributes')),
  };
  const owned = new Pile(join(work, 'owner-attributes'));
  const sorter = new Sorter(comparison, decisions, doubts);
  try {
    await sorter.run();
    await contentIs(doubts.content, comparison, (entry, isEqual) =>
      isEqual ? doubts.attributes.add(entry) : sorter.make(entry, 'replaced'),
    );
    await contentIs(doubts.owner, comparison, (entry, isEqual) =>
      isEqual ? owned.add(entry) : sorter.make(entry, 'replaced'),
    );
    await attributesAre(owned, comparison, decisions, (entry, has, should) =>
      has || should ? sorter.make(entry, 'replaced') : decisions.owned(entry),
    );
    await attributesAre(doubts.attributes, comparison, decisions, (entry, has, should) =>
      sorter.equal(entry, has, should),
    );
  } finally {
    for (const pile of [doubts.content, doubts.owner, doubts.attributes, owned]) pile.close();
    decisions.close();
  }
};
