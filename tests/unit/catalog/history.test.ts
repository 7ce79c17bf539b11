import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import type { HistoryRecord } from '../../../src/catalog/history.ts';
import { renderHistory } from '../../../src/catalog/render/history.ts';
import type { VerifyRecord } from '../../../src/catalog/verified.ts';
import type { DrillRecord } from '../../../src/run/drill/record.ts';
import type { IntoRecord } from '../../../src/run/into/record.ts';
import type { RunRecord } from '../../../src/run/record.ts';
import { nastyName } from '../../support/events.ts';

const common = {
  version: 1,
  run: 'core-20261121-030000-a1b2c3',
  instance: 'core',
  project: 'core',
  snapshot: 'core-20261121-030000',
  path: '/backups/core-20261121-030000',
  finished: '2026-11-21T04:00:00.000Z',
} as const;

const backup = (over: Partial<RunRecord>): RunRecord => ({
  ...common,
  type: 'scheduled',
  tags: {},
  started: '2026-11-21T03:00:00.000Z',
  outcome: 'complete',
  bytes: 2_000_000,
  files: 30,
  downtimeMs: 4210,
  windowMs: 310,
  totalMs: 20_000,
  down: [],
  warnings: [],
  ...over,
});

const verified: VerifyRecord = {
  ...common,
  kind: 'verify',
  started: '2026-11-25T03:00:00.000Z',
  outcome: 'damaged',
  files: 30,
  bytes: 1_999_000,
  problems: 1,
  first: [],
  unchecked: 0,
  totalMs: 700,
};

const drilled: DrillRecord = {
  ...common,
  kind: 'drill',
  project: 'core-drill',
  data: 'files',
  by: 'root on box',
  started: '2026-11-26T03:00:00.000Z',
  outcome: 'passed',
  checks: { passed: 5, failed: 0 },
  failures: [],
  ageMs: 1,
  totalMs: 9000,
  bytes: 2_000_000,
  files: 30,
  observations: [],
};

const into: IntoRecord = {
  ...common,
  kind: 'into',
  project: 'core-copy',
  folder: '/srv/core-copy',
  started: '2026-11-27T03:00:00.000Z',
  outcome: 'complete-with-warnings',
  problems: ['web is unhealthy'],
  totalMs: 61_000,
};

const error = { code: 'disk-full', message: 'the disk is full\u001b[2J' };

/** One of every kind, and of every way to end. */
const records: readonly HistoryRecord[] = [
  backup({ type: 'manual' }),
  backup({ started: '2026-11-22T03:00:00.000Z', outcome: 'failed', error, bytes: 0, downtimeMs: 0 }),
  backup({ started: '2026-11-23T03:00:00.000Z', type: 'pre-deploy', outcome: 'interrupted' }),
  backup({ started: '2026-11-24T03:00:00.000Z', kind: 'restore', outcome: 'services-down' }),
  verified,
  drilled,
  into,
];

const zone = 'Europe/Berlin';
const shown = (width: number): string => renderHistory(records, { color: false, width, zone });

describe('the history', () => {
  it('has a line for every run of whatever kind, with what it cost, in the zone that is asked for', () => {
    expect(shown(110)).toMatchInlineSnapshot(`
      "STARTED           INSTANCE  WHAT                    OUTCOME        DOWNTIME  WINDOW       TOTAL    SIZE
      2026-11-21 04:00  core      backup                  complete          4.2 s  310 ms      20.0 s  2.0 MB
      2026-11-22 04:00  core      scheduled               failed                   310 ms      20.0 s
      2026-11-23 04:00  core      pre-deploy              interrupted       4.2 s  310 ms      20.0 s  2.0 MB
      2026-11-24 04:00  core      restore                 services-down     4.2 s  310 ms      20.0 s  2.0 MB
      2026-11-25 04:00  core      verify                  damaged                              700 ms  2.0 MB
      2026-11-26 04:00  core      drill                   passed                                9.0 s  2.0 MB
      2026-11-27 04:00  core      restore into core-copy  warnings                         1 min 01 s

        ✗ 2026-11-22 04:00:00 core: the disk is full\\x1b[2J
      "
    `);
  });

  it('gives up one column after the other on a narrow terminal, never what the downtime was', () => {
    const heads = [82, 75, 68, 58, 50, 20].map((width) =>
      renderHistory([backup({})], { color: false, width, zone })
        .split('\n')[0]
        ?.replaceAll(/ +/g, ' '),
    );
    expect(heads).toMatchInlineSnapshot(`
      [
        "STARTED INSTANCE WHAT OUTCOME DOWNTIME WINDOW TOTAL SIZE",
        "STARTED INSTANCE WHAT OUTCOME DOWNTIME TOTAL SIZE",
        "STARTED INSTANCE WHAT OUTCOME DOWNTIME SIZE",
        "STARTED INSTANCE OUTCOME DOWNTIME SIZE",
        "STARTED INSTANCE OUTCOME DOWNTIME",
        "ST…D IN…E OU…E DO",
      ]
    `);
  });

  it('tells ends apart by their colour', () => {
    const lines = renderHistory(records, { color: true, width: 110, zone }).split('\n').slice(1);
    const colourOf = (line = ''): string | undefined =>
      /\u001b\[(\d+)m(?:complete|failed|interrupted|services-down|damaged|passed|warnings)/.exec(line)?.[1];
    const [good, bad, warn] = ['32', '31', '33'];
    expect(lines.slice(0, records.length).map(colourOf)).toEqual([good, bad, warn, bad, bad, good, warn]);
  });

  it('stays on its lines and within the width, whatever it holds', () => {
    fc.assert(
      fc.property(
        nastyName,
        nastyName,
        fc.integer({ min: 20, max: 160 }),
        fc.boolean(),
        (one, other, width, color) => {
          const odd = records.map((record) => ({ ...record, instance: one, project: other, started: one }));
          const failed = backup({ instance: one, error: { code: one, message: other }, outcome: 'failed' });
          const text = renderHistory([...odd, failed], { color, width, zone });
          for (const line of text.split('\n')) {
            expect(line.replaceAll(/\x1b\[\d+m/g, '')).not.toMatch(/[\p{Cc}\u202a-\u202e]/u);
            expect(stringWidth(line)).toBeLessThanOrEqual(width);
          }
        },
      ),
    );
  });
});
