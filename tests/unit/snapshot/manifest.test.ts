import { createHash } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { loadSchema } from '../../../src/base/schema.ts';
import { sealOf } from '../../../src/snapshot/manifest/seal.ts';
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
      // Older snapshots have none.
      expect([key, validate(rest)]).toEqual([key, key === 'checks']);
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

  it('has a checksum of itself that anybody can check, and that no caller has to care for', async () => {
    const stale = { ...exampleManifest(), checksum: '0'.repeat(64) };
    await writeManifest(folder, stale);
    const text = await readFile(join(folder, 'manifest.json'), 'utf8');
    const written = JSON.parse(text) as { readonly checksum: string };
    const rest = `${JSON.stringify(exampleManifest(), null, 2)}\n`;
    expect(written.checksum).toBe(createHash('sha256').update(rest).digest('hex'));
    expect(loadSchema('manifest.schema.json')(written)).toBe(true);
    expect(await readManifest(folder)).toEqual(exampleManifest());
  });

  it('is found damaged whichever byte of it changes', async () => {
    await writeManifest(folder, exampleManifest());
    const file = join(folder, 'manifest.json');
    const bytes = await readFile(file);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      expect([at, sealOf(damaged)]).not.toEqual([at, 'whole']);
    }
    // Through the front door: a value, a blank, the version, the checksum itself, and all of its line.
    const lastLine = Array.from({ length: 90 }, (_, place) => bytes.length - 1 - place);
    const places = ['"note"', '  "run"', '"version": 1', '"checksum": "'].map((text) => {
      const place = bytes.indexOf(text);
      return text.startsWith(' ') ? place : place + text.length + (text.startsWith('"version') ? -1 : 4);
    });
    for (const place of [...places, ...lastLine]) {
      const damaged = Buffer.from(bytes);
      damaged[place] = (damaged[place] ?? 0) ^ 2;
      await writeFile(file, damaged);
      await expect(readManifest(folder)).rejects.toMatchObject({ code: 'verify-failed' });
    }
  });

  it('of an older program has no checksum and is read all the same', async () => {
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(exampleManifest()));
    expect(await readManifest(folder)).toEqual(exampleManifest());
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
