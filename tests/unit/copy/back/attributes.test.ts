import { expect, it } from 'vitest';
import { readAttributes } from '../../../../src/copy/back/compare/attributes.ts';
import type { RecordEntry } from '../../../../src/snapshot/entries/records.ts';

it('attributes of folders are not taken for all that there are when the list of folders broke off', async () => {
  const folders = async function* () {
    yield [{ path: Buffer.alloc(0) } as RecordEntry];
    throw new Error('the index is damaged');
  };
  await expect(readAttributes('/', folders(), 'data')).rejects.toThrow('the index is damaged');
});
