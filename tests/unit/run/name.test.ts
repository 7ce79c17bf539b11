import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { nameRun } from '../../../src/run/name.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const started = new Date('2026-11-21T03:15:00Z');

describe('the name of a snapshot', () => {
  const folders: string[] = [];
  afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

  const folderWith = async (...names: readonly string[]): Promise<string> => {
    const folder = await temporaryFolder('name');
    folders.push(folder);
    for (const name of names) await mkdir(join(folder, name));
    return folder;
  };
  const named = async (backups: string, at = started, timezone = 'UTC') =>
    nameRun({ name: 'core', backups, timezone }, at);

  it('is its time', async () => {
    const backups = await folderWith(
      'core-20261121-031459',
      'core-x-20261121-040000',
      'shop-20270101-000000',
    );
    expect(await named(backups)).toEqual({ snapshot: 'core-20261121-031500', behind: undefined });
    expect(await named('/nowhere/at/all')).toEqual({ snapshot: 'core-20261121-031500', behind: undefined });
  });

  it('is the second after the newest one when the clock was put back, or the hour comes again', async () => {
    const backups = await folderWith('core-20261121-031500', 'core-20261121-235959');
    expect((await named(backups)).snapshot).toBe('core-20261122-000000');
    // Summer time ends: half past two comes twice.
    const berlin = await folderWith('core-20261025-025959');
    const again = new Date('2026-10-25T01:30:00Z');
    expect((await named(berlin, again, 'Europe/Berlin')).snapshot).toBe('core-20261025-030000');
  });

  it('is that of the clock, with a warning, when one comes from the far future', async () => {
    const backups = await folderWith('core-20991231-235959', 'core-20261121-031500');
    await writeFile(join(backups, 'core-20261121-031501'), 'somebody else has this name');
    expect(await named(backups)).toEqual({
      snapshot: 'core-20261121-031502',
      behind: {
        code: 'clock-behind',
        message: expect.stringMatching(
          /^the clock stands .+ before the newest snapshot, core-20991231-235959: /,
        ),
      },
    });
  });

  it('tells the order in which snapshots were made, whatever the clock does within a day', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: -12 * 3600, max: 12 * 3600 }), { minLength: 2, maxLength: 6 }),
        fc.constantFrom('UTC', 'Europe/Berlin', 'Pacific/Apia'),
        async (steps, timezone) => {
          const backups = await folderWith();
          const made: string[] = [];
          for (const step of steps) {
            const { snapshot } = await named(backups, new Date(started.getTime() + step * 1000), timezone);
            await mkdir(join(backups, snapshot));
            made.push(snapshot);
          }
          expect(made.toSorted()).toEqual(made);
          expect(new Set(made).size).toBe(made.length);
        },
      ),
      { numRuns: 50 },
    );
  });
});
