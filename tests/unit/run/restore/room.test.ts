import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planRestore } from '../../../../src/plan/restore/plan.ts';
import { assertRoom } from '../../../../src/run/restore/room.ts';
import type { ManifestMount } from '../../../../src/snapshot/types.ts';
import { everything, factsOf, manifestMount } from '../../../support/restore-facts.ts';
import { bindMount, stackFrom, volumeMount } from '../../../support/stack-builder.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const petabyte = 1e15;

describe('the room that a restore needs', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder('room');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const roomFor = async (over: Partial<ManifestMount>, now?: { bytes: number; entries: number }) => {
    const stack = stackFrom([{ id: 'app', mounts: [bindMount(folder, '/data')] }]);
    const mount = manifestMount({ name: folder, form: 'archive', ...over }, ['app', '/data']);
    const size = { entries: 0, files: 0, bytes: 0, ...now, allocated: now?.bytes ?? 0 };
    const sizes = new Map([[folder, size]]);
    const plan = planRestore(factsOf(stack, [mount]), everything, { sizes, before: undefined });
    expect(plan.refusals).toEqual([]);
    await assertRoom(plan);
  };

  it('is there for a little', async () => {
    await roomFor({ bytes: 1000, entries: 2 });
  });

  it('must be told to be short of bytes, or of inodes, before anything is touched', async () => {
    await expect(roomFor({ bytes: petabyte })).rejects.toMatchObject({ code: 'space-short' });
    await expect(roomFor({ entries: petabyte })).rejects.toThrow(/inodes/);
  });

  it('is not looked for where only the engine writes: its paths are another machine’s', async () => {
    const stack = stackFrom([{ id: 'app', mounts: [volumeMount('shop_data', '/data')] }]);
    const mount = manifestMount({ name: 'shop_data', bytes: petabyte }, ['app', '/data']);
    const facts = factsOf(stack, [mount], { writable: new Set() });
    const plan = planRestore(facts, everything, { sizes: new Map(), before: undefined });
    expect(plan.putBacks).toMatchObject([{ isInPlace: true, source: expect.stringMatching(/./) }]);
    await assertRoom(plan);
  });

  it('counts what is there now as free again', async () => {
    await roomFor({ bytes: petabyte }, { bytes: petabyte, entries: 0 });
  });
});
