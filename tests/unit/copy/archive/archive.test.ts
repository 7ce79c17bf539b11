import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { removeTree } from '../../../../src/base/disk.ts';
import { StackBackupError } from '../../../../src/base/errors.ts';
import { copyThroughEngine } from '../../../../src/copy/archive/archive.ts';
import { readers } from '../../../../src/copy/readers.ts';
import { readContent } from '../../../../src/copy/reading/content.ts';
import type { CopyResult, CopyTask } from '../../../../src/copy/types.ts';
import { captureDelta } from '../../../../src/copy/warm/delta.ts';
import { warmArchive } from '../../../../src/copy/warm/warm-archive.ts';
import type { Engine } from '../../../../src/docker/engine.ts';
import type { RecordEntry } from '../../../../src/snapshot/entries/records.ts';
import { readIndex } from '../../../../src/snapshot/index-file.ts';
import { sourceRecordsPath } from '../../../../src/snapshot/layout.ts';
import { verifySnapshot } from '../../../../src/snapshot/verify.ts';
import { completeSnapshot, mountOf } from '../../../support/made-snapshot.ts';
import { makeOddTree, must } from '../../../support/odd-tree.ts';
import { collect, temporaryFolder } from '../../../support/temporary.ts';

let folder = '';
let snapshot = '';
beforeEach(async () => {
  folder = await temporaryFolder('archive');
  snapshot = join(folder, 'snapshot');
  await mkdir(snapshot);
  await makeOddTree(join(folder, '0'));
});
afterEach(() => removeTree(folder));

const task: CopyTask = {
  kind: 'volume',
  name: 'v',
  source: '/far/away',
  path: 'volumes/v.tar.zst',
  method: 'api',
};

/** A tar as the engine would send it, cut or broken in ways an engine can only be asked for with luck. */
const packed = async (): Promise<Buffer> => {
  await must(
    ['tar', '--format=pax', '--exclude=socket*', '--exclude=sparse', '-cf', 'sent.tar', '0'],
    folder,
  );
  return await readFile(join(folder, 'sent.tar'));
};

const engineThat = (send: () => Readable): Engine =>
  ({ readArchive: async () => send() }) as unknown as Engine;

const copy = (
  send: () => Readable,
  more: { signal?: AbortSignal; onProgress?: (bytes: number) => void } = {},
) => copyThroughEngine(task, snapshot, { engine: engineThat(send), holder: 'h', target: '/data/0', ...more });

describe('copyThroughEngine', () => {
  it('keeps the archive as it was sent, says what it lost, and makes a snapshot that verifies', async () => {
    const tar = await packed();
    const told: number[] = [];
    const copied = await copy(() => Readable.from([tar.subarray(0, 1000), tar.subarray(1000)]), {
      onProgress: (bytes) => told.push(bytes),
    });
    expect(copied).toMatchObject({
      form: 'archive',
      lost: ['xattrs', 'acls', 'ns-times', 'sockets', 'holes'],
    });
    expect(tar.equals(await readFile(join(snapshot, 'volumes/v.tar')))).toBe(true);
    expect(told.at(-1)).toBeGreaterThan(3_000_000);
    const [result] = await completeSnapshot(snapshot, [copied]);
    expect(await readdir(join(snapshot, 'volumes'))).toEqual(['v.tar.zst']);
    expect((await stat(join(snapshot, 'volumes/v.tar.zst'))).mode & 0o777).toBe(0o600);
    expect(tar.equals(await must(['zstd', '-dc', join(snapshot, 'volumes/v.tar.zst')]))).toBe(true);
    const listed = (await must(['tar', '-tf', 'sent.tar'], folder)).toString().trim().split('\n');
    expect(result?.entries).toBe(listed.length - 1);
    const names = (await collect(readIndex(join(snapshot, 'index/v.ndjson.zst')))).map((one) =>
      one.path.toString('latin1'),
    );
    expect(names).toContain('deep/er/est/file');
    expect(await verifySnapshot(snapshot, { readers })).toMatchObject({ ok: true, problems: [] });
    await must(['sha256sum', '--check', '--strict', '--quiet', 'SHA256SUMS'], snapshot);
  });

  it('fails when the archive is cut, even at a boundary of members, empty, or breaks off', async () => {
    const tar = await packed();
    const failing: Readonly<Record<string, () => Readable>> = {
      'ends early': () => Readable.from([tar.subarray(0, 1024)]),
      'empty archive': () => Readable.from([Buffer.alloc(1024)]),
      'connection lost': () =>
        Readable.from(
          (async function* () {
            yield tar.subarray(0, 5000);
            throw new Error('connection lost');
          })(),
        ),
    };
    for (const [message, send] of Object.entries(failing)) {
      await expect(copy(send)).rejects.toMatchObject({
        code: 'copy-failed',
        message: expect.stringContaining(message),
        next: expect.any(String),
      });
      await removeTree(join(snapshot, 'volumes'));
    }
  });

  it('passes on that the engine is away, and ends when interrupted', async () => {
    const away = new StackBackupError('engine-unreachable', 'gone');
    await expect(
      copy(() => {
        throw away;
      }),
    ).rejects.toBe(away);
    const abort = new AbortController();
    const endless = () =>
      Readable.from(
        (async function* () {
          const tar = await packed();
          yield tar.subarray(0, 512);
          abort.abort();
          await new Promise(() => undefined);
        })(),
      );
    await expect(copy(endless, { signal: abort.signal })).rejects.toMatchObject({ code: 'interrupted' });
  });

  it('reads a further name of a file as that file, and knows when it is not what it was', async () => {
    await must(['ln', '0/deep/er/est/file', '0/deep/again'], folder);
    const tar = await packed();
    const [result] = await completeSnapshot(snapshot, [await copy(() => Readable.from([tar]))]);
    const entries = await collect(readIndex(join(snapshot, 'index/v.ndjson.zst')));
    const names = entries.filter(({ path }) => ['deep/again', 'deep/er/est/file'].includes(String(path)));
    expect(names.some(({ target }) => target !== undefined)).toBe(true);
    const mount = mountOf(result as CopyResult);
    for (const entry of names) {
      const chunks: number[] = [];
      await readContent(snapshot, mount, entry, async (chunk) => void chunks.push(chunk.length));
      expect(chunks.reduce((sum, length) => sum + length, 0)).toBe(3_000_000);
    }
    await writeFile(join(folder, '0/deep/er/est/file'), Buffer.alloc(3_000_000, 8));
    await writeFile(join(snapshot, 'volumes/v.tar.zst'), zstdCompressSync(await packed()));
    for (const entry of names)
      await expect(readContent(snapshot, mount, entry, async () => undefined)).rejects.toMatchObject({
        code: 'verify-failed',
      });
  });

  it('is neither verified nor unpacked beyond what its index says', async () => {
    const tar = await packed();
    const [result] = await completeSnapshot(snapshot, [await copy(() => Readable.from([tar]))]);
    await must(['truncate', '-s', '32M', '0/zeros'], folder);
    await writeFile(join(snapshot, 'volumes/v.tar.zst'), zstdCompressSync(await packed()));
    let read = 0;
    const { problems } = await verifySnapshot(snapshot, { readers, onProgress: (bytes) => (read = bytes) });
    expect(problems).toContainEqual({
      kind: 'index',
      path: 'volumes/v.tar.zst',
      message: expect.stringContaining('more than its index says'),
    });
    expect(read).toBeLessThan(16 * 1024 * 1024);
    const [archive, into] = [join(snapshot, 'volumes/v.tar.zst'), join(folder, 'out')];
    const zeros = { path: Buffer.from('zeros'), size: 8192, into };
    await expect(readers.extract(archive, [zeros])).rejects.toMatchObject({ code: 'verify-failed' });
    await expect(stat(into)).rejects.toMatchObject({ code: 'ENOENT' });
    const entry = { ...(await collect(readIndex(join(snapshot, 'index/v.ndjson.zst'))))[0] } as RecordEntry;
    const asked = { ...entry, path: Buffer.from('zeros'), type: 'file' as const, size: 8192 };
    const taken = vi.fn(async () => undefined);
    const reading = readContent(snapshot, mountOf(result as CopyResult), asked, taken);
    await expect(reading).rejects.toMatchObject({ code: 'verify-failed' });
    expect(taken).not.toHaveBeenCalled();
  });

  it('is indexed as it is where somebody wrote on while it was made', async () => {
    await writeFile(join(folder, '0/growing'), 'x'.repeat(5000));
    const packing = { ...task, source: join(folder, '0'), method: 'host' } as const;
    const warm = await warmArchive(packing, snapshot, { bytes: 0, base: undefined, onBaseLost: () => {} });
    const copied = await captureDelta(warm, snapshot, { quiet: false });
    // As the walk would have seen it a moment before: shorter, and older.
    const records = sourceRecordsPath(snapshot, task.path);
    const seen = await readFile(records, 'latin1');
    const earlier = seen.replace(/(growing\/\/f \S+ \S+ \S+) 5000 /, '$1 4000 ');
    expect(earlier).not.toBe(seen);
    await writeFile(records, earlier, 'latin1');
    const [result] = await completeSnapshot(snapshot, [copied], true);
    expect(result?.warnings).toMatchObject([{ code: 'changed-during-copy' }]);
    expect(await verifySnapshot(snapshot, { readers })).toMatchObject({ ok: true, problems: [] });
  });

  it('does not follow an index without end', async () => {
    const tar = await packed();
    await completeSnapshot(snapshot, [await copy(() => Readable.from([tar]))]);
    const index = join(snapshot, 'index/v.ndjson.zst');
    const lines = zstdDecompressSync(await readFile(index)).toString();
    const last = JSON.parse(lines.trimEnd().split('\n').at(-1) as string) as { path: unknown };
    const more = Array.from({ length: 5 }, (_, n) => JSON.stringify({ ...last, path: `zzzz${n}` })).join(
      '\n',
    );
    await writeFile(index, zstdCompressSync(`${lines}${more}\n`));
    const { problems } = await verifySnapshot(snapshot, { readers });
    expect(problems).toContainEqual({
      kind: 'index',
      path: 'volumes/v.tar.zst',
      message: expect.stringContaining('more entries than its manifest says'),
    });
  });

  it('is told by verification when a member or the archive changed', async () => {
    const tar = await packed();
    await completeSnapshot(snapshot, [await copy(() => Readable.from([tar]))]);
    await must(
      [
        'tar',
        '--format=pax',
        '-cf',
        'other.tar',
        '--exclude=socket*',
        '--exclude=sparse',
        '--exclude=empty',
        '0',
      ],
      folder,
    );
    await must(['zstd', '-q', '-f', 'other.tar', '-o', join(snapshot, 'volumes/v.tar.zst')], folder);
    const { problems } = await verifySnapshot(snapshot, { readers });
    expect(problems.map(({ kind, path }) => `${kind} ${path}`)).toEqual(
      expect.arrayContaining(['checksum volumes/v.tar.zst', 'missing volumes/v.tar.zst: empty']),
    );
  });
});
