import { describe, expect, it } from 'vitest';
import { planBackup } from '../../../src/plan/backup.ts';
import { type Holds, holdsOf } from '../../../src/plan/mounts/holds.ts';
import { needsAmong } from '../../../src/stack/order.ts';
import type { Mount } from '../../../src/stack/types.ts';
import { bindMount, instanceWith, type Sketch, stackFrom, volumeMount } from '../../support/stack-builder.ts';

const holds = (
  sketches: readonly Sketch[],
  {
    links = {},
    exclude = [],
    options = {},
  }: Readonly<{
    links?: Readonly<Record<string, string>>;
    exclude?: readonly string[];
    options?: Readonly<Record<string, Mount['options']>>;
  }> = {},
): Holds => {
  const found = stackFrom(sketches);
  const mounts = found.mounts.map((mount) => ({ ...mount, options: options[mount.name] ?? {} }));
  const stack = { ...found, mounts };
  const plan = planBackup(instanceWith({ exclude }), stack, new Map());
  const quieted = plan.stopWaves.flat().map(({ id }) => id);
  const needs = needsAmong(new Set(quieted), quieted, stack.edges);
  return holdsOf({ ...plan, quieted, needs, real: (path) => links[path] ?? path });
};

const of = ({ of: found }: Holds): Record<string, string[]> =>
  Object.fromEntries([...found].map(([id, mounts]) => [id, [...mounts].sort()]));

describe('holdsOf', () => {
  it('keeps a container down for what it can write to, not for what it only reads', () => {
    const found = holds([
      { id: 'db', mounts: [volumeMount('db', '/pg')] },
      { id: 'web', mounts: [volumeMount('uploads', '/up'), volumeMount('db', '/pg', false)] },
      { id: 'proxy', mounts: [volumeMount('uploads', '/up', false)] },
    ]);
    expect(of(found)).toEqual({ db: ['db'], web: ['uploads'], proxy: [] });
  });

  it('counts all who wait for a copy, also because they need somebody who does', () => {
    const found = holds([
      { id: 'db', mounts: [volumeMount('db', '/pg')] },
      { id: 'app', dependsOn: 'db:service_started:false', mounts: [volumeMount('app', '/data')] },
      { id: 'proxy', dependsOn: 'app:service_started:false' },
      { id: 'reader', mounts: [volumeMount('files', '/files', false)] },
    ]);
    expect(Object.fromEntries(found.waiting)).toEqual({ db: 3, app: 2, files: 0 });
  });

  it('sees through folders in folders, also such as are not copied themselves', () => {
    const nested = [
      { id: 'all', mounts: [bindMount('/srv/data', '/data')] },
      { id: 'inner', mounts: [bindMount('/srv/data/inner', '/inner')] },
      { id: 'outer', mounts: [bindMount('/srv', '/srv')] },
      { id: 'beside', mounts: [bindMount('/srv/database', '/data')] },
    ];
    expect(of(holds(nested, { exclude: ['/srv', '/srv/database'] }))).toEqual({
      all: ['/srv/data'],
      inner: ['/srv/data'],
      outer: ['/srv/data'],
      beside: [],
    });
  });

  it('sees through links, and through volumes that are folders or shares elsewhere', () => {
    const found = holds(
      [
        { id: 'one', mounts: [bindMount('/srv/data', '/data')] },
        { id: 'link', mounts: [bindMount('/current', '/data/sub')] },
        { id: 'volume', mounts: [volumeMount('there', '/there')] },
        { id: 'a', mounts: [volumeMount('nfs-a', '/nfs')] },
        { id: 'b', mounts: [volumeMount('nfs-b', '/nfs')] },
      ],
      {
        links: { '/current': '/srv/data/v2' },
        options: {
          there: { o: 'bind', device: '/srv/data' },
          'nfs-a': { type: 'nfs', device: ':/export' },
          'nfs-b': { type: 'nfs', device: ':/export/b' },
        },
      },
    );
    expect(of(found)).toEqual({
      one: ['/current', '/srv/data', 'there'],
      link: ['/current', '/srv/data', 'there'],
      volume: ['/current', '/srv/data', 'there'],
      a: ['nfs-a', 'nfs-b'],
      b: ['nfs-a', 'nfs-b'],
    });
  });

  it('lets whoever reaches the engine come back last: it can start anything', () => {
    const found = holds([
      { id: 'db', mounts: [volumeMount('db', '/pg')] },
      { id: 'watcher', mounts: [bindMount('/var/run/docker.sock', '/docker.sock', false)] },
      { id: 'agent', mounts: [bindMount('/', '/host', false)] },
    ]);
    expect(of(found)).toEqual({ db: ['db'], watcher: ['db'], agent: ['db'] });
  });

  it('knows nobody else', () => {
    const found = holds([
      { id: 'db', mounts: [volumeMount('db', '/pg')] },
      { id: 'off', state: 'exited', mounts: [volumeMount('db', '/pg')] },
    ]);
    expect(of(found)).toEqual({ db: ['db'] });
  });
});
