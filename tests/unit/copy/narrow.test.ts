import { describe, expect, it } from 'vitest';
import { Narrowing } from '../../../src/copy/back/wanted/narrow.ts';

const entry = (path: string, type: 'file' | 'dir' = 'file') => ({ path: Buffer.from(path), type });

describe('a path that is put back', () => {
  it('brings the files that SQLite keeps beside a database', () => {
    const narrowing = new Narrowing([Buffer.from('app/shop.db-wal')]);
    for (const name of ['shop.db', 'shop.db-wal', 'shop.db-shm', 'shop.db-journal'])
      expect(narrowing.has(entry(`app/${name}`))).toBe(true);
    expect(narrowing.has(entry('app/shop.db-old'))).toBe(false);
  });

  it('brings no folder that is merely called like them', () => {
    const narrowing = new Narrowing([Buffer.from('data'), Buffer.from('letters-journal')]);
    expect(narrowing.has(entry('data/inner'))).toBe(true);
    for (const name of ['data-journal', 'data-wal', 'letters'])
      expect(narrowing.has(entry(name, 'dir'))).toBe(false);
    expect(narrowing.has(entry('data-journal/inner'))).toBe(false);
  });
});
