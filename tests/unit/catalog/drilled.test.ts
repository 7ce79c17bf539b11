import { describe, expect, it } from 'vitest';
import { loadSchema } from '../../../src/base/schema.ts';
import { drilledOf } from '../../../src/catalog/drilled.ts';
import type { HistoryRecord } from '../../../src/catalog/history.ts';
import type { DrillRecord } from '../../../src/run/drill/record.ts';

const { examples } = loadSchema('history.schema.json').schema as { examples: readonly HistoryRecord[] };
const drill = examples.find(({ kind }) => kind === 'drill') as DrillRecord;

const last = (...records: readonly Partial<DrillRecord>[]) =>
  drilledOf([
    ...examples.filter(({ kind }) => kind !== 'drill'),
    ...records.map((one) => ({ ...drill, ...one })),
  ]).get(drill.snapshot);

describe('the last drill of a snapshot', () => {
  it('is the last one that came to an end, from files or from dumps', () => {
    expect(last()).toBeUndefined();
    expect(last({ finished: '1' })).toEqual({ ok: true, at: '1', data: 'files' });
    expect(last({ finished: '1' }, { finished: '2', outcome: 'failed', data: 'dumps' })).toEqual({
      ok: false,
      at: '2',
      data: 'dumps',
    });
    expect(last({ finished: '1' }, { finished: '2', outcome: 'interrupted' })).toMatchObject({ at: '1' });
    const copy = { finished: '2', outcome: 'failed', elsewhere: true } as const;
    expect(last({ finished: '1' }, copy)).toMatchObject({ ok: true, at: '1' });
    expect(last({ snapshot: 'another' })).toBeUndefined();
  });
});
