import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sourceFor } from '../../../../src/drill/plan/source.ts';
import { memoryEngine } from '../../../support/memory-engine.ts';
import { must } from '../../../support/odd-tree.ts';
import { instanceWith } from '../../../support/stack-builder.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

it('the model of a snapshot from elsewhere is read only where it is a file of its own', async () => {
  const folder = await temporaryFolder('source');
  const compose = join(folder, 'compose');
  const file = join(compose, 'model.json');
  const source = () => sourceFor(memoryEngine([], () => false).engine, instanceWith(), folder, false);
  await mkdir(compose);
  await writeFile(file, '{"services":{"app":{}}}');
  expect(await source()).toMatchObject({ model: { services: { app: {} } }, isTrusted: false });
  await rename(compose, `${folder}-away`);
  await symlink(`${folder}-away`, compose);
  expect((await source()).observations.join()).toMatch(/leads out of the snapshot/);
  await rm(compose);
  await mkdir(compose);
  await must(['mkfifo', file]);
  expect((await source()).observations.join()).toMatch(/it is no file/);
  await rm(folder, { recursive: true });
  await rm(`${folder}-away`, { recursive: true });
});
