import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { newDrill, openDrill } from '../../../../src/drill/sandbox/open.ts';
import type { DrillTask, DrillTools } from '../../../../src/drill/task.ts';
import { runVariable } from '../../../../src/run/recovery/orphans.ts';
import { journalsPath, temporariesPath } from '../../../../src/snapshot/layout.ts';
import { exampleManifest } from '../../../support/made-snapshot.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

it('a drill that cannot make its folders leaves neither journal nor folder behind', async () => {
  const backups = await temporaryFolder('open');
  const ran = process.env[runVariable];
  try {
    const source = { model: undefined, isTrusted: false, observations: [] };
    const task = {
      instance: 'shop',
      folder: '/none',
      manifest: exampleManifest(),
      backups,
      source,
      data: 'files',
    };
    const tools = { clock: systemClock, by: 'me', engine: { endpoint: 'none' }, info: { id: 'none' } };
    const drill = newDrill(task as unknown as DrillTask, tools as unknown as DrillTools);
    const stuck = { ...drill, scratch: '/dev/null/files' };
    await expect(openDrill(stuck)).rejects.toMatchObject({ code: 'backups-unusable' });
    expect(await readdir(journalsPath(backups))).toEqual([]);
    expect(await readdir(temporariesPath(backups))).toEqual([]);
    const journal = await openDrill(drill);
    expect(await readdir(journalsPath(backups))).toEqual([`${drill.id}.json`]);
    await journal.close();
    expect(await readdir(join(drill.scratch))).toEqual([]);
  } finally {
    if (ran === undefined) delete process.env[runVariable];
    else process.env[runVariable] = ran;
    await rm(backups, { recursive: true });
  }
});
