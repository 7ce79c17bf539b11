import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { dumpOpener } from '../../../src/hooks/postgres/open-dump.ts';
import type { ManifestDump } from '../../../src/snapshot/types.ts';
import { exampleManifest } from '../../support/made-snapshot.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const { PATH = '' } = process.env;
let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder('open-dump');
  await chmod(folder, 0o755); // it is nobody who reads it
  process.env.PATH = `${folder}:${PATH}`;
});
afterEach(async () => {
  process.env.PATH = PATH;
  await removeTree(folder);
});

/** What a dump is said to be when the `pg_restore` of this machine is that script. */
const opened = async (script: string) => {
  await writeFile(join(folder, 'pg_restore'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  await writeFile(join(folder, 'dump'), Buffer.alloc(1024 * 1024));
  const open = dumpOpener(async () => expect.fail('the engine was asked'));
  const dump = { format: 'pg_dump custom', service: 'db' } as ManifestDump;
  return open(join(folder, 'dump'), dump, exampleManifest(), undefined);
};

it('a dump is damaged when its reader says so, and not when that was killed', async () => {
  expect(await opened('echo "input file is too short" >&2; exit 1')).toEqual({
    is: 'damaged',
    why: 'input file is too short',
  });
  expect(await opened('kill -KILL $$')).toMatchObject({ is: 'unknown' });
  expect(await opened('exit 137')).toMatchObject({ is: 'unknown' });
});
