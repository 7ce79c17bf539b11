import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { readRecords } from '../../../../src/catalog/history.ts';
import { markName, recoverInto } from '../../../../src/run/into/recover.ts';
import { writeJournal } from '../../../../src/run/journal.ts';
import { journalPath } from '../../../../src/snapshot/layout.ts';
import { deadJournal } from '../../../support/journal.ts';
import { memoryEngine } from '../../../support/memory-engine.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

describe('a dead restore into a new project', () => {
  let backups: string;
  let folder: string;
  beforeEach(async () => {
    backups = await temporaryFolder('into');
    folder = join(backups, 'copy');
    await mkdir(dirname(journalPath(backups, 'x')), { recursive: true });
  });
  afterEach(() => rm(backups, { recursive: true, force: true }));

  const recovered = async (isOurs: boolean) => {
    const id = 'into-copy-1';
    const journal = deadJournal(backups, {
      ...{ id, project: 'copy', kind: 'into', phase: 'checking', containers: [] },
      into: { folder, instance: 'shop', from: '/snapshot' },
    });
    const path = journalPath(backups, id);
    await writeJournal(path, journal);
    const labels: string[] = [];
    const engine = {
      ...memoryEngine([], () => false).engine,
      removeLabelled: async (label: string) => void labels.push(label),
    };
    const record = await recoverInto(
      { backups, path, journal, isOurs },
      { engine, local: true, clock: systemClock, emit: () => undefined },
    );
    return { record, labels, isLeft: existsSync(path), told: await readRecords(backups) };
  };
  const begun = async (names: readonly string[]): Promise<void> => {
    await mkdir(folder);
    for (const name of names) await writeFile(join(folder, name), 'into-copy-1');
  };

  it('has what it made removed as long as its mark is there', async () => {
    await begun([markName, 'compose.yaml']);
    const { record, labels, isLeft, told } = await recovered(true);
    expect(labels).toEqual(['com.docker.compose.project=copy']);
    expect({ isLeft, isThere: existsSync(folder) }).toEqual({ isLeft: false, isThere: false });
    expect(record.error?.message).toMatch(/what it had made was removed$/);
    expect(told).toMatchObject([{ kind: 'into', outcome: 'failed', error: { code: 'died' } }]);
  });

  it('is its user’s, and told as such, once its mark is gone', async () => {
    await begun(['compose.yaml']);
    const { record, labels, isLeft, told } = await recovered(true);
    expect({ labels, isLeft, names: await readdir(folder) }).toEqual({
      labels: [],
      isLeft: false,
      names: ['compose.yaml'],
    });
    expect(record).toMatchObject({ outcome: 'complete-with-warnings' });
    expect(told).toMatchObject([
      { outcome: 'complete-with-warnings', problems: [expect.stringMatching(/complete, and stays$/)] },
    ]);
  });

  it('is left to the user who began it: others could have written what is to be removed', async () => {
    await begun([markName]);
    const { record, labels, isLeft, told } = await recovered(false);
    expect({ labels, isLeft, told, isThere: existsSync(folder) }).toEqual({
      labels: [],
      isLeft: true,
      told: [],
      isThere: true,
    });
    expect(record.warnings.map(({ code }) => code)).toEqual(['leftover']);
  });
});
