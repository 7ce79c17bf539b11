import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { parseMoment } from '../../../src/catalog/reference/moment.ts';
import { foldersToCheck, resolveSnapshot } from '../../../src/catalog/reference.ts';
import { snapshotName, wallClockIn } from '../../../src/snapshot/layout.ts';
import type { Manifest } from '../../../src/snapshot/types.ts';
import { exampleManifest } from '../../support/made-snapshot.ts';
import { temporaryFolder } from '../../support/temporary.ts';

let root = '';
beforeAll(async () => {
  root = await temporaryFolder('reference');
});
afterAll(() => removeTree(root));

let folders = 0;
const emptyBackups = async (): Promise<string> => {
  const folder = join(root, `backups-${folders++}`);
  await mkdir(folder);
  return folder;
};

interface Made {
  /** The moment in its name. */
  readonly at: string;
  /** The moment of its data, where it is another. */
  readonly consistent?: string;
  readonly instance?: string;
  readonly type?: Manifest['type'];
  readonly tags?: Readonly<Record<string, string>>;
  readonly timezone?: string;
  readonly damaged?: boolean;
}

/** A folder with a manifest and nothing else: more is not looked at. Returns its name. */
const make = async (backups: string, one: Made): Promise<string> => {
  const { at, instance = 'core', type = 'manual', tags = {}, timezone = 'UTC', damaged = false } = one;
  const name = snapshotName(instance, new Date(at), timezone);
  const consistent = new Date(one.consistent ?? at).toISOString();
  const manifest = { ...exampleManifest(), instance, type, tags, timezone, snapshot: name, consistent };
  await mkdir(join(backups, name));
  await writeFile(join(backups, name, 'manifest.json'), damaged ? '{' : JSON.stringify(manifest));
  return name;
};

const places = (backups: string) => ({ backups: [backups], cwd: root });
const meant = async (backups: string, reference: string): Promise<string> =>
  basename((await resolveSnapshot(reference, places(backups))).folder);
const refused = (backups: string, reference: string) =>
  expect(resolveSnapshot(reference, places(backups))).rejects.toMatchObject({ code: 'snapshot-unknown' });

describe('resolveSnapshot', () => {
  it('takes a path, a name, an instance, a moment or a tag', async () => {
    const backups = await emptyBackups();
    const first = await make(backups, { at: '2026-11-19T03:00:00Z', tags: { release: '1.4', by: 'cron' } });
    const second = await make(backups, { at: '2026-11-20T03:00:00Z', tags: { release: '1.5', by: 'cron' } });
    const undo = await make(backups, { at: '2026-11-20T09:00:00Z', type: 'pre-restore', tags: { of: 'x' } });
    await make(backups, { at: '2026-11-21T03:00:00Z', instance: 'shop' });
    const expected: Readonly<Record<string, string>> = {
      [first]: first,
      [join(backups, first)]: first,
      [`${basename(backups)}/${first}`]: first,
      core: second,
      'core@latest': second,
      'core@2026-11-20T03:00': second,
      'core@2026-11-20 03:00:00': second,
      'core@2026-11-20T02:59:59.999': first,
      'core@2026-11-20T04:00+01:00': second,
      'core@2026-11-20T04:00+0200': first,
      'core@2026-11-20T12:00Z': second,
      'core@2026-11-19': first,
      'core@release=1.4': first,
      'core@1.4': first,
      'core@cron': second,
      'core@of=x': undo,
      [undo]: undo,
    };
    for (const [reference, name] of Object.entries(expected))
      expect([reference, await meant(backups, reference)]).toEqual([reference, name]);
    for (const reference of [
      'core@2026-11-19T02:59',
      'core@2026-02-30',
      'core@',
      'core@1.6',
      'core@@latest',
      'cor',
      `${first}x`,
      `../${first}`,
      '',
    ])
      await refused(backups, reference);
  });

  it('names what is like a misspelt instance', async () => {
    const backups = await emptyBackups();
    await make(backups, { at: '2026-11-19T03:00:00Z', instance: 'webshop' });
    await expect(resolveSnapshot('webshp', places(backups))).rejects.toMatchObject({
      next: expect.stringMatching(/^Did you mean webshop\? `stack-backup list` shows/),
    });
  });

  it('passes over damaged manifests, and says so; who checks gets them', async () => {
    const backups = await emptyBackups();
    const good = await make(backups, { at: '2026-11-19T03:00:00Z' });
    const bad = await make(backups, { at: '2026-11-20T03:00:00Z', damaged: true });
    const worse = await make(backups, { at: '2026-11-20T04:00:00Z', damaged: true });
    const resolved = await resolveSnapshot('core', places(backups));
    expect(resolved).toMatchObject({
      folder: join(backups, good),
      instance: 'core',
      unreadable: [worse, bad],
    });
    const checked = await foldersToCheck('core', places(backups));
    expect(checked.map((path) => basename(path))).toEqual([good, bad, worse]);
    await expect(resolveSnapshot(bad, places(backups))).rejects.toMatchObject({ code: 'verify-failed' });
    expect(await foldersToCheck(bad, places(backups))).toEqual([join(backups, bad)]);
  });

  it('looks into all backups folders, and needs none of them to exist', async () => {
    const [one, two] = [await emptyBackups(), await emptyBackups()];
    const older = await make(one, { at: '2026-11-19T03:00:00Z' });
    const newer = await make(two, { at: '2026-11-20T03:00:00Z' });
    const backups = [join(root, 'nowhere'), one, two];
    const of = async (text: string) => (await resolveSnapshot(text, { backups, cwd: root })).folder;
    expect(await of('core')).toBe(join(two, newer));
    expect(await of(older)).toBe(join(one, older));
  });

  it('goes by names within a time zone, also when the clock was put back, and by the moment of the data across', async () => {
    const backups = await emptyBackups();
    // 02:30 in Berlin comes twice on this day: the tool names the second one after the first.
    const before = await make(backups, { at: '2026-10-25T01:45:00Z', timezone: 'Europe/Berlin' });
    const after = await make(backups, {
      at: '2026-10-25T01:46:00Z',
      timezone: 'Europe/Berlin',
      consistent: '2026-10-25T01:30:00Z',
    });
    expect(await meant(backups, 'core')).toBe(after);
    expect(await meant(backups, 'core@2026-10-25T01:40Z')).toBe(after);
    const far = await make(backups, { at: '2026-10-25T11:00:00Z', timezone: 'Pacific/Kiritimati' });
    const last = await make(backups, { at: '2026-10-25T12:00:00Z', timezone: 'Pacific/Pago_Pago' });
    expect([far > last, before < after]).toEqual([true, true]);
    expect(await meant(backups, 'core@latest')).toBe(last);
  });

  const made = fc.record({
    minute: fc.integer({ min: 0, max: 4 * 24 * 60 }),
    type: fc.constantFrom<Manifest['type']>('manual', 'scheduled', 'pre-restore'),
    tag: fc.constantFrom('a', 'b'),
    // None puts its clocks back in these days: names of one zone follow the order in which they were made.
    timezone: fc.constantFrom('UTC', 'Asia/Kathmandu', 'Pacific/Kiritimati', 'America/St_Johns'),
    damaged: fc.boolean(),
  });
  const start = Date.parse('2026-10-23T12:00:00Z');

  it('agrees with a look at all of them, whatever there is', async () => {
    const property = fc.asyncProperty(
      fc.uniqueArray(made, {
        maxLength: 8,
        selector: (one) => snapshotName('core', new Date(start + one.minute * 60_000), one.timezone),
      }),
      fc.integer({ min: 0, max: 4 * 24 * 60 }),
      async (all, minute) => {
        const backups = await emptyBackups();
        const known: { name: string; at: number; type: string; tag: string }[] = [];
        for (const one of all) {
          const at = start + one.minute * 60_000;
          const rest = { type: one.type, timezone: one.timezone, damaged: one.damaged };
          const name = await make(backups, { at: new Date(at).toISOString(), tags: { t: one.tag }, ...rest });
          if (!one.damaged) known.push({ name, at, type: one.type, tag: one.tag });
        }
        const limit = start + minute * 60_000;
        const iso = new Date(limit).toISOString();
        const cases: readonly (readonly [string, (one: (typeof known)[number]) => boolean])[] = [
          ['core', ({ type }) => type !== 'pre-restore'],
          [`core@${iso}`, ({ type, at }) => type !== 'pre-restore' && at <= limit],
          ['core@t=a', ({ tag }) => tag === 'a'],
        ];
        for (const [reference, isWanted] of cases) {
          const candidates = known.filter(isWanted);
          const newest = Math.max(...candidates.map(({ at }) => at));
          const names = candidates.filter(({ at }) => at === newest).map(({ name }) => name);
          if (names.length === 0) await refused(backups, reference);
          else expect(names).toContain(await meant(backups, reference));
        }
      },
    );
    await fc.assert(property, { numRuns: 40 });
  });
});

describe('parseMoment', () => {
  it('finds the moment that a clock shows, in any time zone', () => {
    const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'];
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4_000_000_000 }),
        fc.constantFrom(...zones),
        (seconds, timezone) => {
          const wall = wallClockIn(new Date(seconds * 1000), timezone);
          const text = new Date(wall).toISOString().slice(0, 19);
          const moment = parseMoment(text)?.(timezone) ?? Number.NaN;
          // Where a clock shows it twice, the first time is meant.
          expect(wallClockIn(new Date(moment), timezone)).toBe(wall);
          expect(moment).toBeLessThanOrEqual(seconds * 1000);
        },
      ),
    );
  });

  it('takes an hour that clocks leave out for the moment after it', () => {
    expect(parseMoment('2026-03-29T02:30')?.('Europe/Berlin')).toBe(Date.parse('2026-03-29T01:30:00Z'));
  });

  it.each(['', 'latest', '2026', '2026-13-01', '2026-11-20T25:00', '2026-11-20T03', '20261120-030000'])(
    'takes %j for something else',
    (text) => expect(parseMoment(text)).toBeUndefined(),
  );
});
