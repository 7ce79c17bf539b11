import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { loadSchema } from '../../../src/base/schema.ts';
import { readHistory, readRecords } from '../../../src/catalog/history.ts';
import { type VerifyRecord, verifiedOf } from '../../../src/catalog/verified.ts';
import { appendHistory } from '../../../src/run/history.ts';
import { historyPath } from '../../../src/snapshot/layout.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const validate = loadSchema('history.schema.json');
const [run, example] = (validate.schema as { examples: [object, VerifyRecord] }).examples;
const { sample, ...whole } = example;
const damaged = { ...whole, outcome: 'damaged', problems: 1 } as const;

let backups = '';
beforeAll(async () => {
  backups = await temporaryFolder('verified');
});
afterAll(() => removeTree(backups));

describe('verifications in the history', () => {
  it('stand among the runs, and do not count as such', async () => {
    await mkdir(dirname(historyPath(backups)));
    await appendHistory(backups, run as VerifyRecord);
    await appendHistory(backups, example);
    await writeFile(historyPath(backups), '{"half', { flag: 'a' });
    await appendHistory(backups, damaged);
    expect(await readHistory(backups)).toEqual([run]);
    expect(await readRecords(backups)).toEqual([run, example, damaged]);
    const lines = (await readFile(historyPath(backups), 'utf8'))
      .split('\n')
      .filter((line) => line.endsWith('}'));
    for (const line of lines) expect(validate(JSON.parse(line)), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ ...example, kind: 'other' })).toBe(false);
    expect(validate({ ...example, more: 1 })).toBe(false);
  });

  const at = (record: VerifyRecord, finished: string): VerifyRecord => ({ ...record, finished });
  const last = (...records: readonly VerifyRecord[]) => verifiedOf(records).get(whole.snapshot);

  it('are told by the last one; a sample does not clear a snapshot that was found damaged', () => {
    const sampled = { ...whole, ...(sample && { sample }) };
    expect(last()).toBeUndefined();
    expect(last(at(damaged, '1'), at(whole, '2'))).toEqual({ ok: true, at: '2' });
    expect(last(at(whole, '1'), at(sampled, '2'))).toEqual({ ok: true, at: '2', percent: 10 });
    expect(last(at(damaged, '1'), at(sampled, '2'))).toEqual({ ok: false, at: '1' });
    expect(last(at(whole, '1'), at({ ...damaged, ...(sample && { sample }) }, '2'))).toMatchObject({
      ok: false,
    });
  });
});
