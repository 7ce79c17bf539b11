import { describe, expect, it } from 'vitest';
import { servicesFor } from '../../../../src/drill/model/names.ts';
import { planData } from '../../../../src/drill/plan/data.ts';
import type { DataFacts } from '../../../../src/drill/plan/types.ts';
import type { Manifest, ManifestMount } from '../../../../src/snapshot/types.ts';
import { exampleManifest } from '../../../support/made-snapshot.ts';
import { image, service } from '../model/fixture.ts';

const mount = (
  name: string,
  users: ManifestMount['users'],
  kind: 'volume' | 'bind' = 'volume',
): ManifestMount => ({
  ...(exampleManifest().mounts[0] as ManifestMount),
  kind,
  name,
  users,
});

const use = (of: string, destination: string, writable = true) => ({ service: of, destination, writable });

const facts = (over: Partial<DataFacts> = {}): DataFacts => ({
  project: 'drill-x',
  scratch: '/scratch',
  mounts: [],
  single: new Set(),
  isTrusted: true,
  host: new Map(),
  blank: new Set(),
  ...over,
});

const secrecy = { allowed: 'none', key: Buffer.alloc(32) } as const;
const app = service('app');

describe('what a sandbox mounts', () => {
  it('is made anew of each copy, once however many services share it', () => {
    const shared = mount('shop_data', [use('app', '/data'), use('worker', '/in', false), use('gone', '/x')]);
    const file = mount('/srv/one.conf', [use('app', '/one.conf')], 'bind');
    const plan = planData(
      facts({ mounts: [shared, file], single: new Set(['/srv/one.conf']) }),
      undefined,
      [app, service('worker')],
      secrecy,
    );
    const volume = { kind: 'volume', name: 'drill-x_1' };
    const scratch = { kind: 'file', path: '/scratch/file-2' };
    expect(plan.mounts).toEqual([
      { service: 'app', destination: '/data', writable: true, from: volume },
      { service: 'worker', destination: '/in', writable: false, from: volume },
      { service: 'app', destination: '/one.conf', writable: true, from: scratch },
    ]);
    expect(plan.restores).toEqual([
      { mount: shared, to: volume },
      { mount: file, to: scratch },
    ]);
    expect(plan.observations).toEqual([]);
  });

  it('has the copies of replicas made, of which one container can have only one', () => {
    const mounts = [mount('one', [use('app', '/scratch')]), mount('two', [use('app', '/scratch')])];
    const plan = planData(facts({ mounts }), undefined, [app], secrecy);
    const [first, second] = ['drill-x_1', 'drill-x_2'];
    expect(plan.volumes).toEqual([first, second]);
    expect(plan.restores).toMatchObject([{ to: { name: first } }, { to: { name: second } }]);
    expect(plan.mounts).toMatchObject([{ from: { name: first } }]);
    expect(plan.observations).toEqual([
      expect.stringMatching(/^two was put back and counted, but no service/),
    ]);
  });

  it('leaves out what nobody uses who takes part, and keeps blank what a dump is loaded into', () => {
    const mounts = [mount('db', [use('app', '/db')]), mount('admin', [use('admin', '/home')])];
    const plan = planData(facts({ mounts, blank: new Set(['db']) }), undefined, [app], secrecy);
    expect(plan).toMatchObject({ restores: [], empty: ['drill-x_1'], mounts: [{ destination: '/db' }] });
  });

  it('takes read-only binds and configs from this host, secrets from nowhere', () => {
    const model = {
      services: {
        app: {
          volumes: [
            { type: 'bind', source: '/srv/app.json', target: '/etc/app.json', read_only: true },
            { type: 'bind', source: '/srv/theme', target: '/theme', read_only: true },
            { type: 'bind', source: '/srv/tls.key', target: '/etc/tls.key', read_only: true },
            { type: 'bind', source: '/var/run/docker.sock', target: '/var/run/docker.sock', read_only: true },
            { type: 'bind', source: '/srv/media', target: '/media' },
            { type: 'volume', source: 'cache', target: '/cache' },
          ],
          configs: [{ source: 'web', target: '/etc/web.conf' }, { source: 'inline' }],
          secrets: [{ source: 'token' }],
        },
      },
      configs: { web: { file: '/srv/web.conf' }, inline: { content: 'a $$1' } },
      secrets: { token: { file: '/srv/token' } },
    };
    const host = new Map([
      ['/srv/app.json', 'file'],
      ['/srv/theme', 'dir'],
      ['/srv/tls.key', 'file'],
      ['/var/run/docker.sock', 'other'],
      ['/srv/media', 'dir'],
      ['/srv/web.conf', 'file'],
      ['/srv/token', 'file'],
    ] as const);
    const plan = planData(facts({ host }), model, [app], secrecy);
    const where = Object.fromEntries(
      plan.mounts.map(({ destination, from, writable }) => [destination, [from, writable]]),
    );
    expect(Object.keys(where).sort()).toEqual([
      '/cache',
      '/etc/app.json',
      '/etc/tls.key',
      '/etc/web.conf',
      '/inline',
      '/run/secrets/token',
      '/theme',
    ]);
    expect(plan.files.flatMap(({ from }) => (from.kind === 'host' ? [from.path] : []))).toEqual([
      '/srv/app.json',
      '/srv/web.conf',
    ]);
    expect(plan.files.flatMap(({ from }) => (from.kind === 'text' ? [from.text] : []))).toEqual([
      expect.stringMatching(/^[0-9a-f]{32}$/),
      'a $1',
      expect.stringMatching(/^[0-9a-f]{32}$/),
    ]);
    expect(plan.folders).toEqual([{ volume: 'drill-x_2', path: '/srv/theme' }]);
    expect(plan.empty).toHaveLength(1);
    expect(plan.observations.join('\n')).toMatch(/docker\.sock.*\n[\s\S]*\/media/);
  });

  it('takes nothing of this host for a model that came with a snapshot', () => {
    const model = {
      services: {
        app: {
          volumes: [{ type: 'bind', source: '/etc/shadow', target: '/x', read_only: true }],
          configs: [{ source: 'c', target: '/c' }],
          secrets: [{ source: 's' }],
        },
      },
      configs: { c: { file: '/etc/passwd' } },
      secrets: { s: { file: '/etc/shadow' } },
    };
    const plan = planData(facts({ isTrusted: false }), model, [app], { ...secrecy, allowed: 'all' });
    expect(JSON.stringify([plan.files, plan.folders, plan.mounts])).not.toContain('/etc/');
  });
});

describe('the services of a drill', () => {
  const manifest: Manifest = exampleManifest();
  const container = (name: string, of: string, stateBefore: string) => ({
    ...(manifest.containers[0] as Manifest['containers'][number]),
    name,
    service: of,
    stateBefore,
    imageId: image,
  });

  it('are those that ran, once each, with the names others knew them by', () => {
    const containers = [
      container('shop-db-1', 'db', 'running'),
      container('shop-worker-2', 'worker', 'running'),
      container('shop-worker-1', 'worker', 'paused'),
      container('shop-migrate-1', 'migrate', 'exited'),
    ];
    const model = {
      services: {
        db: { container_name: 'shop-db-1', networks: { back: { aliases: ['database'] } } },
        worker: { links: ['db:sql'] },
      },
    };
    expect(servicesFor({ ...manifest, containers }, model)).toEqual([
      { name: 'db', imageId: image, aliases: ['shop-db-1', 'database', 'sql'] },
      { name: 'worker', imageId: image, aliases: ['shop-worker-1', 'shop-worker-2'] },
    ]);
  });

  it('are none whose image or name is not what it should be', () => {
    const containers = [
      { ...container('a', 'a', 'running'), imageId: 'debian:latest' },
      container('b', '../b', 'running'),
    ];
    expect(servicesFor({ ...manifest, containers }, undefined)).toEqual([]);
  });
});
