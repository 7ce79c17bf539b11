import { createHash, type Hash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { StackBackupError } from '../../../base/errors.ts';
import { spawnStreaming } from '../../../base/process.ts';
import type { RecordEntry } from '../../../snapshot/entries/records.ts';
import { belowTop, openArchive } from '../../archive/archive.ts';
import type { TarLimit } from '../../archive/tar/guard.ts';
import { type TarHandler, TarReader } from '../../archive/tar.ts';
import { keepAttributes } from '../../changes/attributes.ts';
import { argumentOf } from '../../changes/paths.ts';
import { complaint } from '../../walk.ts';
import { isAttribute } from '../compare/attributes.ts';
import { handed } from '../compare/handed.ts';
import { Members } from '../fill/members.ts';
import { assertAsIndexed } from '../fill/tree.ts';
import { FolderWalk } from '../place/folder-walk.ts';
import { archiveEnd, memberHead, paddingAfter } from '../place/headers.ts';
import { refused } from '../trouble.ts';
import type { BackSource } from '../types.ts';
import { limitOf } from '../wanted/limit.ts';
import type { Wanted } from '../wanted/wanted.ts';

/** What the engine can be sent. */
const kinds = new Set(['file', 'dir', 'symlink', 'fifo']);

/** Whether the bytes of an entry come with another name of the file. */
const isFurther = (wanted: Wanted, { path }: RecordEntry): boolean => {
  const name = path.toString('latin1');
  return (wanted.links.get(name)?.names[0] ?? name) !== name;
};

async function* sent(wanted: Wanted): AsyncGenerator<readonly RecordEntry[], void, void> {
  for await (const batch of wanted.entries())
    yield batch.filter((entry) => kinds.has(entry.type) && !isFurther(wanted, entry));
}

/** The bytes of a tree as GNU tar archives them. */
async function* treeTar(
  { folder, mount }: BackSource,
  wanted: Wanted,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, void> {
  const root = join(folder, mount.path);
  const isFile = wanted.type === 'file';
  using tree = new FolderWalk(isFile ? dirname(root) : root);
  const names = async function* () {
    for await (const batch of sent(wanted)) {
      for (const entry of batch)
        assertAsIndexed(isFile ? { ...entry, path: Buffer.from(basename(root)) } : entry, tree, mount.name);
      if (isFile) yield Buffer.from(`${basename(root)}\0`);
      else if (batch.length > 0) yield Buffer.concat(batch.map(({ path }) => argumentOf(path)));
    }
  };
  const { input, assertWhole } = handed(names());
  const child = spawnStreaming(
    [
      ...['tar', '-c', '-f', '-', '--format=posix', '--numeric-owner', '--hard-dereference'],
      ...keepAttributes,
      ...['--no-recursion', '--null', '--verbatim-files-from', '--files-from=-'],
    ],
    {
      cwd: isFile ? dirname(root) : root,
      env: { LC_ALL: 'C' },
      input,
      ...(signal && { signal }),
    },
  );
  yield* child.stdout as AsyncIterable<Buffer>;
  const why = complaint(await child.done);
  assertWhole();
  if (why !== undefined) throw refused(mount.name, why);
}

async function* fileTar(file: string): AsyncGenerator<Buffer, void, void> {
  const archive = openArchive(file);
  try {
    yield* archive.plain as AsyncIterable<Buffer>;
  } finally {
    archive.close();
  }
}

/** Writes an archive anew, member by member: only what is awaited, under names below `top`. */
class Rewriter {
  readonly #top: string;
  readonly #name: string;
  readonly #members: Members;
  readonly #out: Buffer[] = [];
  #entry: RecordEntry | undefined;
  #hash: Hash | undefined;

  constructor(top: string, name: string, members: Members) {
    this.#top = top;
    this.#name = name;
    this.#members = members;
  }

  nameOf(path: Buffer, type = 'file'): Buffer {
    return path.length === 0
      ? Buffer.from(type === 'dir' ? `${this.#top}/` : this.#top)
      : Buffer.concat([Buffer.from(`${this.#top}/`), path]);
  }

  reader(part: number, limit: TarLimit | undefined): TarReader {
    const handler: TarHandler = {
      entry: (member, _, records) => {
        const entry = { ...member, path: belowTop(member.path) };
        const isLink = entry.type === 'file' && entry.target !== undefined;
        const found = isLink ? 'none' : this.#members.take(part, entry);
        if (found === 'wrong')
          throw refused(this.#name, 'it is not in the archive as its index says', entry.path);
        this.#entry = found === 'right' ? entry : undefined;
        this.#hash = found === 'right' && entry.type === 'file' ? createHash('sha256') : undefined;
        if (found !== 'right') return;
        const attributes = new Map([...records].filter(([key]) => isAttribute(key)));
        const kind = entry.type as 'file' | 'dir' | 'symlink' | 'fifo';
        this.#out.push(
          memberHead(kind, this.nameOf(entry.path, entry.type), entry, { attributes, target: entry.target }),
        );
      },
      data: (chunk) => {
        if (this.#entry === undefined) return;
        this.#hash?.update(chunk);
        this.#out.push(chunk);
      },
      end: () => {
        const entry = this.#entry;
        if (entry === undefined || this.#hash === undefined) return;
        if (!this.#members.isContent(entry.path, this.#hash.digest('hex')))
          throw refused(this.#name, 'its content is not what the index says', entry.path);
        this.#out.push(paddingAfter(entry.size));
      },
    };
    return new TarReader(handler, limit);
  }

  take(): Buffer {
    return Buffer.concat(this.#out.splice(0));
  }
}

/**
 * All of a mount as one archive for the engine, its members below `top`: what the index names, checked on the
 * way, and nothing else. Rejects with `verify-failed`.
 */
export async function* archiveFor(
  source: BackSource,
  wanted: Wanted,
  top: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, void> {
  const { folder, mount } = source;
  const members = new Members();
  const isTree = mount.form === 'tree';
  for await (const batch of sent(wanted))
    for (const entry of batch) {
      const carrier = isTree ? undefined : wanted.links.get(entry.path.toString('latin1'))?.carrier;
      members.expect(carrier === undefined ? entry.path : Buffer.from(carrier, 'latin1'), entry);
    }
  const paths = isTree ? [] : (mount.parts?.map(({ path }) => path) ?? [mount.path]);
  const files = paths.map((path) => join(folder, path));
  const tars = isTree ? [treeTar(source, wanted, signal)] : files.map(fileTar);
  const rewriter = new Rewriter(top, mount.name, members);
  for (const [part, tar] of tars.entries()) {
    const limit = isTree ? undefined : await limitOf(mount, files, part, wanted);
    const reader = rewriter.reader(part, limit);
    for await (const chunk of tar) {
      if (signal?.aborted) throw new StackBackupError('interrupted', 'putting back was interrupted');
      reader.push(chunk);
      const bytes = rewriter.take();
      if (bytes.length > 0) yield bytes;
    }
    reader.end();
  }
  if (members.missing > 0)
    throw refused(mount.name, `${members.missing} of its entries are not in its archive`);
  for await (const batch of wanted.entries())
    for (const entry of batch)
      if (isFurther(wanted, entry)) {
        const first = Buffer.from(wanted.links.get(entry.path.toString('latin1'))?.names[0] ?? '', 'latin1');
        yield memberHead('link', rewriter.nameOf(entry.path), entry, { target: rewriter.nameOf(first) });
      }
  yield archiveEnd;
}
