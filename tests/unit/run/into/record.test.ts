import { describe, expect, it } from 'vitest';
import { StackBackupError } from '../../../../src/base/errors.ts';
import { loadSchema } from '../../../../src/base/schema.ts';
import { type IntoEnd, intoRecord } from '../../../../src/run/into/record.ts';
import type { Journal } from '../../../../src/run/journal.ts';

const validate = loadSchema('history.schema.json');
const started = new Date('2026-11-21T06:00:00.000Z');
const clock = { now: () => new Date(started.getTime() + 1500), tick: () => 0 };

const journal: Omit<Journal, 'process'> = {
  version: 1,
  id: 'into-core-test-a1b2c3d4',
  kind: 'into',
  into: { folder: '/srv/core-test', instance: 'core', from: '/srv/backups/core-20261121-031500' },
  instance: 'core-test',
  project: 'core-test',
  snapshot: 'core-20261121-031500',
  type: 'manual',
  engine: { id: 'E', endpoint: 'unix:///var/run/docker.sock' },
  started: started.toISOString(),
  phase: 'checking',
  folder: '/srv/backups/.stack-backup/tmp/into',
  containers: [],
  wayBack: { needs: [], awaited: [], known: [], healthMs: 0 },
};

describe('the line of a restore into a new project', () => {
  const ends: readonly (readonly [IntoEnd, object])[] = [
    [{ problems: [] }, { outcome: 'complete', totalMs: 1500 }],
    [{ problems: ['app is unhealthy'] }, { outcome: 'complete-with-warnings' }],
    [
      { thrown: new StackBackupError('restore-failed', 'no', { next: 'see' }) },
      { outcome: 'failed', error: { code: 'restore-failed', message: 'no', next: 'see' } },
    ],
    [{ thrown: new StackBackupError('interrupted', 'stop') }, { outcome: 'interrupted' }],
  ];

  it.each(ends)('is valid, and says how it ended: %j', (end, expected) => {
    const record = intoRecord(journal, end, clock);
    expect(record).toMatchObject({ instance: 'core', project: 'core-test', ...expected });
    expect(validate(record), JSON.stringify(validate.errors)).toBe(true);
  });
});
