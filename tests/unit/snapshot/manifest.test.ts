import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { loadSchema } from '../../../src/base/schema.ts';
import { manifestSchemaId, readManifest, writeManifest } from '../../../src/snapshot/manifest.ts';
import type { Manifest } from '../../../src/snapshot/types.ts';
import { exampleManifest } from '../../support/made-snapshot.ts';
import { temporaryFolder } from '../../support/temporary.ts';

let folder = '';
beforeEach(async () => {
  folder = await temporaryFolder('manifest');
});
afterEach(() => removeTree(folder));

type Node = { readonly [key: string]: unknown };

/** All schemas inside a schema that describe an object. */
const objectsIn = (schema: unknown, at = '#'): [string, Node][] => {
  if (typeof schema !== 'object' || schema === null) return [];
  const node = schema as Node;
  const inner = Object.entries(node)
    .filter(([key]) => key !== 'examples')
    .flatMap(([key, value]) => objectsIn(value, `${at}/${key}`));
  return node.type === 'object' ? [[at, node], ...inner] : inner;
};

describe('the schema', () => {
  it('is the one manifests name, and takes its own example', () => {
    const validate = loadSchema('manifest.schema.json');
    expect((validate.schema as Node).$id).toBe(manifestSchemaId);
    expect(exampleManifest().$schema).toBe(manifestSchemaId);
    expect(validate(exampleManifest())).toBe(true);
  });

  it('describes every object, and leaves no room for unknown keys', () => {
    const objects = objectsIn(loadSchema('manifest.schema.json').schema);
    expect(objects.length).toBeGreaterThan(10);
    for (const [at, node] of objects) {
      expect([at, typeof node.description]).toEqual([at, 'string']);
      expect([at, node.additionalProperties ?? true]).not.toEqual([at, true]);
    }
  });

  it('takes nothing away and nothing added', () => {
    const validate = loadSchema('manifest.schema.json');
    for (const key of Object.keys(exampleManifest())) {
      const { [key]: _, ...rest } = exampleManifest() as unknown as Node;
      expect([key, validate(rest)]).toEqual([key, false]);
    }
    expect(validate({ ...exampleManifest(), more: 1 })).toBe(false);
  });

  it('takes no path that leads out of the snapshot', () => {
    const validate = loadSchema('manifest.schema.json');
    const [mount] = exampleManifest().mounts;
    for (const path of [
      'volumes/..',
      'volumes/.',
      'volumes/a/b',
      '/etc',
      '../volumes/a',
      'volumes/',
      'dumps/x',
      'volumes/a\0',
    ])
      expect([path, validate({ ...exampleManifest(), mounts: [{ ...mount, path }] })]).toEqual([path, false]);
    for (const index of ['index/../../x.ndjson.zst', 'index/x', '/index/x.ndjson.zst'])
      expect(validate({ ...exampleManifest(), mounts: [{ ...mount, index }] })).toBe(false);
    const [dump] = exampleManifest().dumps;
    for (const path of ['dumps/../x', 'dumps/..', 'dumps/a/../../x', 'dumps/', '/dumps/x'])
      expect([path, validate({ ...exampleManifest(), dumps: [{ ...dump, path }] })]).toEqual([path, false]);
  });
});

describe('a manifest', () => {
  it('is read as it was written, for its owner alone', async () => {
    await writeManifest(folder, exampleManifest());
    expect(await readManifest(folder)).toEqual(exampleManifest());
    expect((await stat(join(folder, 'manifest.json'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(folder, 'manifest.json'), 'utf8')).toMatch(/^\{\n {2}"\$schema"/);
  });

  it('that breaks the schema is never written', async () => {
    const wrong = { ...exampleManifest(), started: 'yesterday' };
    await expect(writeManifest(folder, wrong)).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('/started'),
    });
    await expect(readManifest(folder)).rejects.toMatchObject({ code: 'snapshot-unknown' });
  });

  it('of a newer version is refused with what to do', async () => {
    await writeFile(
      join(folder, 'manifest.json'),
      JSON.stringify({ ...exampleManifest(), version: 2, mounts: 'other' }),
    );
    await expect(readManifest(folder)).rejects.toMatchObject({
      code: 'snapshot-unknown',
      message: expect.stringContaining('version 2'),
      next: expect.stringContaining('Update'),
    });
  });

  it('that is damaged is an error that says where', async () => {
    await writeFile(join(folder, 'manifest.json'), '{ "version": 1');
    await expect(readManifest(folder)).rejects.toMatchObject({ code: 'verify-failed' });
    const damaged = {
      ...exampleManifest(),
      totals: { ...exampleManifest().totals, bytes: -1 },
    } satisfies Manifest;
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(damaged));
    await expect(readManifest(folder)).rejects.toMatchObject({
      code: 'verify-failed',
      message: expect.stringContaining('/totals/bytes'),
    });
  });
});
