import { describe, expect, it } from 'vitest';
import type { Instance } from '../../../src/config/types.ts';
import { planBackup } from '../../../src/plan/backup.ts';
import type { BackupPlan } from '../../../src/plan/types.ts';
import { bindMount, instanceWith, type Sketch, stackFrom, volumeMount } from '../../support/stack-builder.ts';

const plan = (sketches: readonly Sketch[], over: Partial<Instance> = {}, facts = {}): BackupPlan =>
  planBackup(instanceWith(over), stackFrom(sketches, facts), new Map());

const waves = (found: BackupPlan): string[][] =>
  found.stopWaves.map((wave) => wave.map((one) => (one.action === 'stop' ? one.name : `${one.name}!`)));

const shop: readonly Sketch[] = [
  { id: 'db', health: 'healthy', mounts: [volumeMount('db', '/pg')] },
  { id: 'migrate', state: 'exited', dependsOn: 'db:service_healthy:false' },
  {
    id: 'app',
    dependsOn: 'migrate:service_completed_successfully:false',
    mounts: [volumeMount('shop', '/data')],
  },
  { id: 'proxy', networkMode: 'container:app' },
];

describe('planBackup: containers', () => {
  it('stops dependents first, also across a one-shot that has ended', () => {
    expect(waves(plan(shop))).toEqual([['proxy'], ['app'], ['db']]);
  });

  it('leaves what does not run as it is, and says why', () => {
    const found = plan(
      [...shop, { id: 'new', state: 'created' }, { id: 'frozen', state: 'paused' }, { id: 'kept' }],
      { services: { kept: { quiesce: 'none' } } },
    );
    expect(found.untouched.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      'migrate: not running (ended with 0); stays so',
      'new: created; stays so',
      'frozen: paused already; stays frozen',
      'kept: keeps running (quiesce: none)',
    ]);
  });

  it('freezes what a stop would remove or what a start would run anew', () => {
    const found = plan([
      { id: 'run', oneOff: true, service: 'app' },
      { id: 'rm', autoRemove: true },
      { id: 'job' },
      { id: 'app', dependsOn: 'job:service_completed_successfully:false' },
    ]);
    expect(waves(found)).toEqual([['app'], ['run!', 'rm!', 'job!']]);
  });

  it('stops whatever shares a namespace with something that is stopped, down the whole chain', () => {
    const chain: Sketch[] = [
      { id: 'vpn' },
      { id: 'client', networkMode: 'container:vpn' },
      { id: 'frozen', state: 'paused', pidMode: 'container:client' },
    ];
    const services = { client: { quiesce: 'pause' }, frozen: { quiesce: 'none' } } as const;
    expect(waves(plan(chain, { services }))).toEqual([['frozen'], ['client'], ['vpn']]);
  });

  it('freezes everything with quiesce: pause, except what restarts all the time', () => {
    expect(waves(plan([{ id: 'a' }, { id: 'b', state: 'restarting' }], { quiesce: 'pause' }))).toEqual([
      ['a!', 'b'],
    ]);
  });

  it('stops nothing when nothing runs', () => {
    const found = plan([{ id: 'a', state: 'exited' }]);
    expect(found.stopWaves).toEqual([]);
    expect(found.predictedDowntimeMs).toBeUndefined();
  });

  it('waits for health only where there was health', () => {
    const found = plan([{ id: 'a', health: 'healthy' }, { id: 'b', health: 'unhealthy' }, { id: 'c' }]);
    expect(found.stopWaves.flat().map((one) => one.awaitHealth)).toEqual([true, false, false]);
  });
});

describe('planBackup: mounts', () => {
  const copied = (found: BackupPlan): string[] =>
    found.copies.map((copy) => `${copy.mount.name} ${copy.consistency}`);
  const skipped = (found: BackupPlan): string[] => found.skipped.map((one) => `${one.name}: ${one.reason}`);

  it('says what each copy is worth', () => {
    const found = plan(
      [
        { id: 'a', mounts: [volumeMount('clean', '/1'), volumeMount('mixed', '/2')] },
        { id: 'b', mounts: [volumeMount('mixed', '/2'), volumeMount('frozen', '/3')] },
        { id: 'c', state: 'exited', mounts: [volumeMount('cold', '/4')] },
      ],
      { services: { b: { quiesce: 'pause' } } },
    );
    expect(copied(found)).toEqual(['clean clean', 'cold cold', 'frozen crash', 'mixed crash']);
  });

  it('leaves out what somebody keeps writing to, with quiesce: none', () => {
    const found = plan(
      [
        { id: 'a', mounts: [volumeMount('live', '/1'), volumeMount('read', '/2', false)] },
        { id: 'b', mounts: [volumeMount('read', '/2')] },
      ],
      { services: { a: { quiesce: 'none' } } },
    );
    expect(copied(found)).toEqual(['read clean']);
    expect(skipped(found)).toEqual(['live: a keeps running (quiesce: none): only its dumps are kept']);
  });

  it('warns of a writer of another project', () => {
    const writer = { id: 'other', name: 'other', labels: {}, mounts: [volumeMount('data', '/z')] };
    const found = plan([{ id: 'a', mounts: [volumeMount('data', '/1')] }], {}, { running: [writer] });
    expect(copied(found)).toEqual(['data crash']);
    expect(found.warnings.map((warning) => warning.code)).toEqual(['shared-with-running']);
  });

  it('includes and excludes by pattern on volume names and bind paths', () => {
    const mounts = [
      volumeMount('shop_db', '/1'),
      volumeMount('shop_cache', '/2'),
      bindMount('/srv/up', '/3'),
    ];
    const names = (over: Partial<Instance>) =>
      plan([{ id: 'a', mounts }], over).copies.map((copy) => copy.mount.name);
    expect(names({ exclude: ['*_cache'] })).toEqual(['shop_db', '/srv/up']);
    expect(names({ include: ['/srv/*', 'shop_?b'] })).toEqual(['shop_db', '/srv/up']);
    expect(names({ exclude: ['*'] })).toEqual([]);
    expect(names({ exclude: ['shop.db'] })).toHaveLength(3);
  });

  it('copies a bind inside another one only once', () => {
    const mounts = [
      bindMount('/srv/data', '/1'),
      bindMount('/srv/data/uploads', '/2'),
      bindMount('/srv/data2', '/3'),
    ];
    const found = plan([{ id: 'a', mounts }]);
    expect(found.copies.map((copy) => copy.mount.name)).toEqual(['/srv/data', '/srv/data2']);
    expect(skipped(found)).toEqual(['/srv/data/uploads: inside /srv/data, which is copied']);
  });

  it('goes through the engine where the host path is out of reach, or when told to', () => {
    const sketches = [{ id: 'a', mounts: [volumeMount('near', '/1'), volumeMount('far', '/2')] }];
    const facts = { readable: new Set(['/volumes/near/_data']) };
    const ways = (over: Partial<Instance>) =>
      plan(sketches, over, facts).copies.map(
        (copy) => `${copy.mount.name} ${copy.task.method} ${copy.task.path}`,
      );
    expect(ways({})).toEqual(['far api volumes/far.tar.zst', 'near host volumes/near']);
    expect(ways({ copy: 'api' })).toEqual(['far api volumes/far.tar.zst', 'near api volumes/near.tar.zst']);
    expect(() => ways({ copy: 'host' })).toThrow(/far cannot be read/);
  });
});

describe('planBackup: needs and prediction', () => {
  it('counts allocated bytes and entries of what is copied, and of nothing else', () => {
    const stack = stackFrom([{ id: 'a', mounts: [volumeMount('in', '/1'), volumeMount('out', '/2')] }]);
    const size = { entries: 1000, files: 900, bytes: 9_000_000, allocated: 4_000_000 };
    const sizes = new Map([
      ['in', size],
      ['out', { ...size, allocated: 1e12 }],
    ]);
    const { needed } = planBackup(instanceWith({ exclude: ['out'] }), stack, sizes);
    expect(needed.bytes).toBeGreaterThan(4_000_000);
    expect(needed.bytes).toBeLessThan(100_000_000);
    expect(needed.inodes).toBeGreaterThan(1000);
  });

  it('predicts from what the last snapshot cost: the window grows with the bytes, the rest does not', () => {
    const stack = stackFrom([{ id: 'a', mounts: [volumeMount('in', '/1')] }]);
    const size = { entries: 1, files: 1, bytes: 2000, allocated: 2000 };
    const before = { downtimeMs: 5000, windowMs: 1000, bytes: 1000, warm: true };
    const predicted = (over: Partial<Instance>): number | undefined =>
      planBackup(instanceWith(over), stack, new Map([['in', size]]), before).predictedDowntimeMs;
    expect(predicted({})).toBe(6000);
    // What a copy beside running services cost says nothing of one without them.
    expect(predicted({ warm: false })).toBe(1200);
  });
});

describe('planBackup: quiesce none', () => {
  const sketches = [{ id: 'a', mounts: [volumeMount('live', '/1')] }];
  const hook = {
    name: 'dump',
    phase: 'before-stop',
    timeout: 1000,
    onFailure: 'abort',
    kind: 'command',
    service: 'a',
  } as const;
  const codes = (over: Partial<Instance>): string[] =>
    plan(sketches, { quiesce: 'none', ...over }).warnings.map((warning) => warning.code);

  it('warns when a volume is neither copied nor dumped', () => {
    expect(codes({})).toEqual(['not-kept']);
    expect(codes({ hooks: [{ ...hook, command: ['true'] }] })).toEqual(['not-kept']);
    expect(codes({ hooks: [{ ...hook, command: ['dump'], save: 'all.dump' }] })).toEqual([]);
    expect(codes({ exclude: ['live'] })).toEqual([]);
  });
});
