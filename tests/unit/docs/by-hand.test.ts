import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import type { Phase } from '../../../src/base/events.ts';
import { run } from '../../../src/base/process.ts';
import { schemaPath } from '../../../src/base/schema.ts';
import type { Journal } from '../../../src/run/journal.ts';
import { isHalfRestored } from '../../../src/run/recovery/recover.ts';
import { deadJournal, journalContainer } from '../../support/journal.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { fencedBlocks, readPage } from './pages.ts';

let folder = '';
beforeAll(async () => {
  folder = await temporaryFolder('by-hand');
});
afterAll(() => removeTree(folder));

/** What the page's script makes of a journal. */
const ended = async (over: Partial<Journal>) => {
  const journal = join(folder, `${over.phase}.json`);
  await writeFile(journal, JSON.stringify(deadJournal(folder, over)));
  const written = fencedBlocks(readPage('docs/how-it-works.md'), 'sh').find((one) => one.includes('node -e'));
  const script = written?.replace(/\/srv\/backups\/\S+\.json/, journal) ?? '';
  const { stdout, stderr, exitCode } = await run(['sh', '-c', script], {
    env: { PATH: `${join(process.execPath, '..')}:${process.env.PATH}` },
  });
  return { printed: stdout.toString('utf8').trim(), stderr, exitCode };
};

it('docs/how-it-works.md prints commands that put back what a journal says, dependencies first', async () => {
  const policy = (name: 'always' | 'on-failure', maximumRetryCount = 0) => ({ name, maximumRetryCount });
  const containers = [
    journalContainer({ id: 'ice', stateBefore: 'paused' }),
    journalContainer({ id: 'app', restartPolicy: policy('on-failure', 3) }),
    journalContainer({ id: 'frozen', action: 'pause', restartPolicy: policy('always') }),
    journalContainer({ id: 'ended', ended: true }),
    journalContainer({ id: 'back', back: true }),
    journalContainer({ id: 'db', restartPolicy: policy('always') }),
  ];
  const { printed, exitCode } = await ended({ containers });
  expect(exitCode).toBe(0);
  expect(printed.split('\n')).toEqual([
    'docker update --restart always db',
    'docker start db',
    'docker update --restart always frozen',
    'docker unpause frozen',
    'docker update --restart on-failure:3 app',
    'docker start app',
    'docker update --restart no ice',
    'docker start ice',
    'docker pause ice',
  ]);
});

describe('of a restore', () => {
  const schema = JSON.parse(readFileSync(schemaPath('journal.schema.json'), 'utf8'));
  const phases = schema.properties.phase.enum as readonly Phase[];
  const restore = { from: '/snapshots/old', mounts: [], devices: false };
  const of = (phase: Phase, safety?: string): Partial<Journal> => ({
    kind: 'restore',
    phase,
    restore: { ...restore, ...(safety === undefined ? {} : { safety }) },
  });

  it('starts nothing on data that is half restored, and says where the old is', async () => {
    const all = await Promise.all(
      phases.map(async (phase) => ({ phase, ...(await ended(of(phase, 'shop-20261121-081500'))) })),
    );
    const isHalf = ({ phase }: { readonly phase: Phase }): boolean =>
      isHalfRestored(deadJournal(folder, of(phase)));
    const refused = all.filter(isHalf);
    expect(refused.map(({ phase }) => phase).toSorted()).toEqual(['loading', 'restoring', 'rolling-back']);
    for (const { printed, stderr, exitCode } of refused) {
      expect([exitCode, printed]).toEqual([1, '']);
      expect(stderr).toContain('Start nothing');
      expect(stderr).toContain('shop-20261121-081500');
    }
    for (const { phase, printed, exitCode } of all.filter((one) => !isHalf(one)))
      expect([exitCode, printed], phase).toEqual([0, expect.stringContaining('docker start')]);
  });

  it('minds that one which was on its way back had not touched it', async () => {
    const journal = { ...of('restoring'), returning: true } as const;
    expect(isHalfRestored(deadJournal(folder, journal))).toBe(false);
    expect((await ended(journal)).printed).toContain('docker start');
  });

  it('says when nothing was kept', async () => {
    expect((await ended(of('restoring'))).stderr).toContain('Nothing was kept');
  });
});
