import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSchema } from '../../../../src/base/schema.ts';
import { isDue } from '../../../../src/catalog/drilled.ts';
import { addToRunbook, runbookEntry } from '../../../../src/drill/report/runbook.ts';
import { closing } from '../../../../src/drill/report/words.ts';
import type { CheckResult, DrillRecord } from '../../../../src/run/drill/record.ts';

/** The example in the published schema. */
const passed = (loadSchema('history.schema.json').schema as { examples: { kind?: string }[] }).examples.find(
  ({ kind }) => kind === 'drill',
) as DrillRecord;

const failure: CheckResult = {
  kind: 'rows',
  about: 'shop.public.<b>orders</b>',
  ok: false,
  message: '3 rows; the dump has 5',
};
const failed: DrillRecord = {
  ...passed,
  outcome: 'failed',
  checks: { passed: 1, failed: 1 },
  failures: [failure],
  ageMs: 3 * 86_400_000,
  rpo: { ms: 3 * 86_400_000, limitMs: 86_400_000, met: false },
  observations: ['a \u001b[31mred\n# heading'],
};
const checks: readonly CheckResult[] = [
  failure,
  { kind: 'health', about: 'db', ok: true, message: 'is healthy' },
];

describe('what is told of a drill', () => {
  it('is short when it passed', () => {
    const text = closing(passed, checks);
    expect(text).toMatch(/^core-20261121-031500: the drill passed: 19 checks held\n/);
    expect(text).toContain('healthy after 9.8 s, within the rto of 15 min');
  });

  it('names what did not hold and which target was missed, without what could draw on the terminal', () => {
    const text = closing(failed, checks);
    expect(text).toContain('the drill FAILED: 1 of 2 checks did not hold');
    expect(text).toContain('rows: shop.public.<b>orders</b>: 3 rows; the dump has 5');
    expect(text).toContain('the data was 3 d 0 h old, OVER the rpo of 24 h');
    expect(text).not.toContain('\u001b');
  });
});

describe('the runbook', () => {
  const manual = [
    { step: 'Point the name at the *new* machine', owner: 'Operations' },
    { step: 'Tell people' },
  ];

  it('has an entry with everything, in which names and texts are text', () => {
    const entry = runbookEntry(failed, checks, manual);
    expect(entry).toContain('\n## 2026-11-21 05:00 UTC: core\n');
    expect(entry).toContain('- Result: **failed**, 1 check did not hold\n');
    expect(entry).toContain('- Snapshot: core-20261121-031500, from its files\n');
    expect(entry).toMatch(/^- Run by: \S+@\S+$/m);
    expect(entry).toContain('- Looked at: 1 service, 1 table (rows)\n');
    expect(entry).toMatch(/^- Measured: restored after /m);
    expect(entry).toMatch(/^- Measured: the data was 3 d 0 h old, OVER the rpo of 24 h$/m);
    expect(entry).toMatch(/^What did not hold:\n\n- rows: shop/m);
    expect(entry).toMatch(/^Observations:\n\n- a /m);
    expect(entry).toContain('shop.public.\\<b\\>orders\\</b\\>');
    expect(entry).toContain('- Point the name at the \\*new\\* machine (Operations)\n- Tell people\n');
    expect(entry).not.toMatch(/^# heading/m);
  });

  it('is made when it is not there, and only added to afterwards', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stack-backup-runbook-'));
    try {
      const path = join(folder, 'drills.md');
      await addToRunbook(path, runbookEntry(passed, checks, []));
      const first = await readFile(path, 'utf8');
      await addToRunbook(path, runbookEntry(failed, checks, []));
      const second = await readFile(path, 'utf8');
      expect(first).toMatch(/^# Drills\n/);
      expect(second.startsWith(first)).toBe(true);
      expect(second.match(/^## /gm)).toHaveLength(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('a drill is due', () => {
  const day = 86_400_000;
  const at = (days: number, outcome: DrillRecord['outcome']) => ({
    ...passed,
    outcome,
    finished: new Date(days * day).toISOString(),
  });
  const now = new Date(100 * day);

  it.each([
    ['when there was none', [], true],
    ['when the last good one is too old', [at(69, 'passed')], true],
    ['not when a good one is young enough', [at(71, 'passed'), at(99, 'failed')], false],
    ['when the younger ones failed', [at(60, 'passed'), at(99, 'failed'), at(99, 'interrupted')], true],
  ] as const)('%s', (_, drills, due) => {
    expect(isDue(drills, 30 * day, now)).toBe(due);
  });
});
