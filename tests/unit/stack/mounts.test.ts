import { describe, expect, it } from 'vitest';
import { bindMount, stackFrom, volumeMount } from '../../support/stack-builder.ts';

const names = (mounts: readonly { readonly name: string }[]): string[] => mounts.map((mount) => mount.name);

describe('mountsOf', () => {
  it('finds each volume and bind once, however many services share it, also of services that are down', () => {
    const { mounts } = stackFrom([
      { id: 'a', mounts: [volumeMount('data', '/data'), bindMount('/srv/up', '/up')] },
      { id: 'b', state: 'exited', mounts: [volumeMount('data', '/d', false), volumeMount('old', '/old')] },
    ]);
    expect(names(mounts)).toEqual(['data', 'old', '/srv/up']);
    expect(mounts[0]?.users).toEqual([
      { container: 'a', service: 'a', destination: '/data', writable: true },
      { container: 'b', service: 'b', destination: '/d', writable: false },
    ]);
  });

  it('knows anonymous and external volumes', () => {
    const anonymous = 'f'.repeat(64);
    const { mounts } = stackFrom(
      [{ id: 'a', mounts: [volumeMount(anonymous, '/x'), volumeMount('shared', '/y')] }],
      {
        volumes: new Map(
          [anonymous, 'shared'].map((name) => [
            name,
            { name, driver: 'local', mountpoint: `/volumes/${name}/_data`, labels: {}, options: {} },
          ]),
        ),
      },
    );
    expect(mounts.map(({ name, anonymous: isAnonymous, external }) => [name, isAnonymous, external])).toEqual(
      [
        [anonymous, true, false],
        ['shared', false, true],
      ],
    );
  });

  it('leaves out what holds nothing to keep, each with its reason', () => {
    const { mounts, skipped } = stackFrom(
      [
        {
          id: 'a',
          mounts: [
            { type: 'tmpfs', source: '', destination: '/tmp', writable: true },
            bindMount('/srv/app.conf', '/etc/app.conf', false),
            bindMount('/var/lib/thing/api.sock', '/api.sock'),
            bindMount('/proc', '/host/proc'),
            bindMount('/srv/disk', '/dev/disk'),
          ],
        },
      ],
      {
        kinds: new Map([
          ['/srv/app.conf', 'file'],
          ['/var/lib/thing/api.sock', 'socket'],
          ['/proc', 'dir'],
          ['/srv/disk', 'device'],
        ]),
      },
    );
    expect(mounts).toEqual([]);
    expect(skipped.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      '/proc: a folder of the system, not of the stack',
      '/srv/app.conf: a read-only bind: no service can change it',
      '/srv/disk: a device, not data',
      '/tmp: tmpfs: in memory only, gone at every stop',
      '/var/lib/thing/api.sock: a socket, not data',
    ]);
  });

  it('leaves out volumes in memory, also of nobody', () => {
    const memory = (name: string, type: string) =>
      [name, { name, driver: 'local', mountpoint: `/v/${name}`, labels: {}, options: { type } }] as const;
    const { mounts, skipped } = stackFrom(
      [{ id: 'a', mounts: [volumeMount('quick', '/quick'), volumeMount('disk', '/disk')] }],
      { volumes: new Map([memory('quick', 'tmpfs'), memory('idle', 'tmpfs'), memory('disk', 'ext4')]) },
    );
    expect(names(mounts)).toEqual(['disk']);
    expect(skipped).toEqual([
      { kind: 'volume', name: 'quick', services: ['a'], reason: 'a volume in memory: gone at every stop' },
    ]);
  });

  it('keeps a bind that one service reads and another writes', () => {
    const { mounts } = stackFrom([
      { id: 'a', mounts: [bindMount('/srv/up', '/up', false)] },
      { id: 'b', mounts: [bindMount('/srv/up', '/up')] },
    ]);
    expect(names(mounts)).toEqual(['/srv/up']);
  });

  it('does not trust the host path of a volume that its driver mounts only while it is used', () => {
    const volume = { name: 'nfs', driver: 'local', mountpoint: '/volumes/nfs/_data', labels: {} };
    const onHost = (options: Record<string, string>) =>
      stackFrom([{ id: 'a', mounts: [volumeMount('nfs', '/x')] }], {
        volumes: new Map([['nfs', { ...volume, options }]]),
      }).mounts[0]?.onHost;
    expect(onHost({})).toBe(true);
    expect(onHost({ type: 'none', o: 'bind', device: '/srv' })).toBe(false);
    expect(onHost({ type: 'nfs', o: 'addr=10.0.0.1', device: ':/x' })).toBe(false);
  });

  it('finds volumes of the project that no container mounts', () => {
    const orphan = { name: 'shop_admin', driver: 'local', mountpoint: '/v', labels: {}, options: {} };
    const { mounts } = stackFrom([{ id: 'a' }], { volumes: new Map([['shop_admin', orphan]]) });
    expect(names(mounts)).toEqual(['shop_admin']);
  });

  it('names running containers of others that can write to the same data', () => {
    const other = (id: string, writable: boolean) => ({
      id,
      name: id,
      labels: {},
      mounts: [volumeMount('data', '/z', writable)],
    });
    const { mounts } = stackFrom([{ id: 'a', mounts: [volumeMount('data', '/data')] }], {
      running: [other('a', true), other('writer', true), other('reader', false)],
    });
    expect(mounts[0]?.strangers).toEqual(['writer']);
  });
});
