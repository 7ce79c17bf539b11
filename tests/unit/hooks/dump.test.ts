import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileNameOf, PartialDump } from '../../../src/hooks/dump.ts';

describe('fileNameOf', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.constantFrom('', '.', '..', '../x', '-rf', 'a/b', 'a b', "o'neil", 'dbname=x', '%41', 'A', '\n', 'ä'),
  );

  it('is always one safe name that leaves room for suffixes', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const name = fileNameOf(text);
        expect(name).toMatch(/^[A-Za-z0-9_%~][A-Za-z0-9_.%~-]*$/);
        expect(name.length).toBeLessThanOrEqual(200);
      }),
    );
  });

  it('differs for different texts', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        fc.pre(a !== b);
        expect(fileNameOf(a)).not.toBe(fileNameOf(b));
      }),
    );
    expect(fileNameOf('x'.repeat(201))).not.toBe(fileNameOf('x'.repeat(202)));
  });

  it('leaves ordinary names as they are', () => {
    expect(fileNameOf('app_db-2.v1')).toBe('app_db-2.v1');
    expect(fileNameOf('data/app.db')).toBe('data%2Fapp.db');
  });
});

describe('PartialDump', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sb-hooks-dump-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const put = async (text: string): Promise<{ path: string; bytes: number }> => {
    await using dump = await PartialDump.open(folder, 'db', 'app.dump');
    await dump.write(async (sink) => {
      sink.write(text);
    });
    return await dump.keep();
  };

  it('gives the file its name only when it is kept, for its owner alone', async () => {
    const kept = await put('hello');
    expect(kept).toEqual({ path: 'dumps/db/app.dump', bytes: 5 });
    const final = join(folder, kept.path);
    expect(await readFile(final, 'utf8')).toBe('hello');
    expect((await stat(final)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'dumps/db'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(folder, 'dumps/db'))).toEqual(['app.dump']);
  });

  it('leaves nothing behind when what fills it fails', async () => {
    const failing = async (): Promise<void> => {
      await using dump = await PartialDump.open(folder, 'db', 'app.dump');
      await dump.write(async (sink) => {
        sink.write('half');
        throw new Error('the source broke');
      });
    };
    await expect(failing()).rejects.toThrow('the source broke');
    expect(await readdir(join(folder, 'dumps/db'))).toEqual([]);
  });

  it('tells whoever fills it that the file can no longer be written', async () => {
    const failing = async (): Promise<void> => {
      await using dump = await PartialDump.open(folder, 'db', 'app.dump');
      await dump.write(async (sink, broken) => {
        const aborted = new Promise((resolve) => broken.addEventListener('abort', resolve, { once: true }));
        sink.destroy(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
        await aborted;
      });
    };
    await expect(failing()).rejects.toMatchObject({
      code: 'hook-failed',
      message: 'cannot write dumps/db/app.dump: ENOSPC',
      next: expect.stringContaining('Free space'),
    });
    expect(await readdir(join(folder, 'dumps/db'))).toEqual([]);
  });

  it('does not write over the dump of another hook', async () => {
    await put('first');
    await expect(put('second')).rejects.toThrow('already been written by another hook');
    expect(await readFile(join(folder, 'dumps/db/app.dump'), 'utf8')).toBe('first');
  });
});
