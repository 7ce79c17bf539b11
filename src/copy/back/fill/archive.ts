import { mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StackBackupError } from '../../../base/errors.ts';
import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { belowTop, openArchive } from '../../archive/archive.ts';
import type { TarLimit } from '../../archive/tar/guard.ts';
import { type TarHandler, TarReader } from '../../archive/tar.ts';
import { below } from '../../changes/paths.ts';
import { PathSet } from '../../changes/seen.ts';
import type { Pile } from '../compare/pile.ts';
import type { Attributes } from '../place/headers.ts';
import type { Batch } from '../place/place.ts';
import type { Staging } from '../place/staging.ts';
import { refused } from '../trouble.ts';
import type { BackSource } from '../types.ts';
import { limitOf } from '../wanted/limit.ts';
import type { Wanted } from '../wanted/wanted.ts';
import type { Filler, FillGround } from './filler.ts';
import { Findings } from './findings.ts';
import { Members } from './members.ts';
import { Picked } from './picked.ts';
import { Unpacking } from './unpacking.ts';

/** The member that carries the bytes of an entry, and whether another name of the file is made with them. */
const memberOf = (wanted: Wanted, { path }: RecordEntry): { path: Buffer; isFurther: boolean } => {
  const name = path.toString('latin1');
  const group = wanted.links.get(name);
  return {
    path: group === undefined ? path : Buffer.from(group.carrier, 'latin1'),
    isFurther: group !== undefined && group.names[0] !== name,
  };
};

/** Puts back from an archive: one reading of its files, from which only what is needed goes on to GNU tar. */
export class ArchiveFiller implements Filler {
  readonly #source: BackSource;
  readonly #make: Pile;
  readonly #wanted: Wanted;
  readonly #members = new Members();
  /** Members that are put back under another name of the same file. */
  readonly #renamed = new Map<string, Buffer>();
  #findings: Promise<Findings> | undefined;

  constructor(source: BackSource, make: Pile, wanted: Wanted) {
    this.#source = source;
    this.#make = make;
    this.#wanted = wanted;
  }

  async *batches({ staging, signal }: FillGround): AsyncGenerator<Batch, void, void> {
    if (this.#make.count === 0) return;
    const made = new PathSet();
    for await (const batch of this.#make.entries()) {
      for (const { path } of batch) made.add(path);
      const folders = batch.filter(({ type }) => type === 'dir');
      if (folders.length > 0) yield { name: staging.batch(), entries: folders };
    }
    for await (const batch of this.#wanted.entries())
      for (const entry of batch) if (made.has(entry.path) && entry.type !== 'dir') this.#expect(entry);
    const found = await this.#newFindings(true);
    for (const [part, file] of this.#files.entries()) yield* this.#unpack(part, file, staging, signal, found);
    this.#findings ??= Promise.resolve(found);
    if (this.#members.missing > 0)
      throw refused(
        this.#source.mount.name,
        `${this.#members.missing} of its entries are not in its archive`,
      );
  }

  get #files(): readonly string[] {
    const { folder, mount } = this.#source;
    return (mount.parts?.map(({ path }) => path) ?? [mount.path]).map((path) => join(folder, path));
  }

  #limitOf(part: number): Promise<TarLimit> {
    return limitOf(this.#source.mount, this.#files, part, this.#wanted);
  }

  #expect(entry: RecordEntry): void {
    const member = memberOf(this.#wanted, entry);
    if (member.isFurther) return;
    this.#members.expect(member.path, entry);
    if (!member.path.equals(entry.path))
      this.#renamed.set(member.path.toString('latin1'), Buffer.from(entry.path));
  }

  async *#unpack(
    part: number,
    file: string,
    staging: Staging,
    signal: AbortSignal | undefined,
    found: Findings,
  ): AsyncGenerator<Batch, void, void> {
    const picked = new Picked(
      (member, records) => {
        found.note(part, member, records);
        return this.#members.take(part, member);
      },
      this.#source.mount.name,
      await this.#limitOf(part),
    );
    const archive = openArchive(file);
    let unpacking: Unpacking | undefined;
    let name = '';
    try {
      for await (const chunk of archive.plain as AsyncIterable<Buffer>) {
        if (signal?.aborted) throw new StackBackupError('interrupted', 'putting back was interrupted');
        picked.reader.push(chunk);
        for (const piece of picked.take()) {
          if (unpacking === undefined) {
            name = staging.batch();
            unpacking = new Unpacking(join(staging.path, name), this.#source.mount.name, signal);
          }
          if ('bytes' in piece) await unpacking.write(piece.bytes);
          else {
            await unpacking.end();
            unpacking = undefined;
            yield this.#batch(name, piece.batch, staging);
          }
        }
      }
      picked.reader.end();
      if (unpacking !== undefined) {
        await unpacking.end();
        unpacking = undefined;
        yield this.#batch(name, picked.rest, staging);
      }
    } finally {
      await unpacking?.giveUp();
      archive.close();
    }
  }

  #batch(name: string, members: readonly RecordEntry[], staging: Staging): Batch {
    const root = join(staging.path, name);
    const entries = members.map((entry) => {
      const renamed = this.#renamed.get(entry.path.toString('latin1'));
      if (renamed === undefined) return entry;
      const to = below(root, renamed);
      mkdirSync(Buffer.from(dirname(to.toString('latin1')), 'latin1'), { recursive: true, mode: 0o700 });
      renameSync(below(root, entry.path), to);
      return { ...entry, path: renamed };
    });
    return { name, entries };
  }

  isContent(entry: RecordEntry, sha256: string): boolean {
    return this.#members.isContent(memberOf(this.#wanted, entry).path, sha256);
  }

  async marks(entries: readonly RecordEntry[], signal: AbortSignal | undefined): Promise<readonly boolean[]> {
    this.#findings ??= this.#look(signal);
    const { folders, marked } = await this.#findings;
    return entries.map((entry) =>
      entry.type === 'dir'
        ? folders.all.has(entry.path.toString('latin1'))
        : marked.has(memberOf(this.#wanted, entry).path),
    );
  }

  async attributes(): Promise<ReadonlyMap<string, Attributes>> {
    this.#findings ??= this.#look(undefined);
    return (await this.#findings).folders.all;
  }

  async #newFindings(foldersOnly: boolean): Promise<Findings> {
    const findings = new Findings(this.#source.mount.name);
    for await (const batch of this.#wanted.entries())
      for (const entry of batch) if (!foldersOnly || entry.type === 'dir') findings.expect(entry);
    return findings;
  }

  /** Reads all files for the attributes in them. */
  async #look(signal: AbortSignal | undefined): Promise<Findings> {
    const findings = await this.#newFindings(false);
    for (const [part, file] of this.#files.entries()) {
      const entry: TarHandler['entry'] = (member, _, records) =>
        findings.note(part, { ...member, path: belowTop(member.path) }, records);
      const reader = new TarReader({ entry }, await this.#limitOf(part));
      const archive = openArchive(file);
      try {
        for await (const chunk of archive.plain as AsyncIterable<Buffer>) {
          if (signal?.aborted) throw new StackBackupError('interrupted', 'putting back was interrupted');
          reader.push(chunk);
        }
        reader.end();
      } finally {
        archive.close();
      }
    }
    return findings;
  }
}
