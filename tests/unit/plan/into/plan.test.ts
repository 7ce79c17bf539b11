import { describe, expect, it } from 'vitest';
import { planInto } from '../../../../src/plan/into/plan.ts';
import type { IntoFacts, KnownImage } from '../../../../src/plan/into/types.ts';
import type { ManifestMount } from '../../../../src/snapshot/types.ts';
import { exampleManifest } from '../../../support/made-snapshot.ts';

const mount = (over: Partial<ManifestMount>): ManifestMount => ({
  ...(exampleManifest().mounts[0] as ManifestMount),
  labels: {},
  users: [],
  ...over,
});

const id = `sha256:${'a'.repeat(64)}`;
const image = (over: Partial<KnownImage> = {}): KnownImage => ({
  id,
  digests: ['shop/app@sha256:b'],
  name: 'shop/app:1',
  isHere: true,
  ran: true,
  ...over,
});

const factsWith = (over: Partial<IntoFacts>): IntoFacts => ({
  project: 'copy',
  folder: '/srv/copy',
  model: { services: {} },
  mounts: [],
  images: new Map(),
  ...over,
});

const volume = (key: string, name = `shop_${key}`): ManifestMount =>
  mount({ kind: 'volume', name, path: `volumes/${name}`, labels: { 'com.docker.compose.volume': key } });

describe('planInto', () => {
  it('gives every volume a name of the new project, and none the storage of the original', () => {
    const { volumes, data, warnings, model } = planInto(
      factsWith({
        model: {
          services: { app: { image: 'x' } },
          volumes: {
            plain: { name: 'copy_plain', labels: { a: 'b$$c' } },
            named: { name: 'precious' },
            disk: { name: 'copy_disk', driver_opts: { type: 'none', o: 'bind', device: '/srv/data' } },
            outer: { name: 'theirs', external: true },
            foreign: { name: 'not-ours', external: true },
            quick: { name: 'copy_quick', driver: 'fast', driver_opts: { size: '1g' } },
          },
        },
        mounts: [
          // Of another project, where it has the same key.
          { ...volume('plain', 'erp_plain'), external: true },
          ...[volume('plain'), volume('named', 'precious'), volume('disk'), volume('quick')],
          mount({ kind: 'volume', name: 'theirs', path: 'volumes/theirs' }),
          mount({ kind: 'volume', name: 'shop_gone', path: 'volumes/shop_gone' }),
        ],
      }),
    );
    expect(volumes.map(({ name, driver, options }) => [name, driver, options])).toEqual([
      ['copy_plain', 'local', {}],
      ['copy_named', 'local', {}],
      ['copy_disk', 'local', {}],
      ['copy_outer', 'local', {}],
      ['copy_foreign', 'local', {}],
      ['copy_quick', 'local', {}],
    ]);
    expect(volumes[0]?.labels).toEqual({
      a: 'b$c',
      'com.docker.compose.project': 'copy',
      'com.docker.compose.volume': 'plain',
    });
    expect(data.map((one) => [one.mount.name, one.to])).toEqual([
      ['shop_plain', { kind: 'volume', name: 'copy_plain' }],
      ['precious', { kind: 'volume', name: 'copy_named' }],
      ['shop_disk', { kind: 'volume', name: 'copy_disk' }],
      ['theirs', { kind: 'volume', name: 'copy_outer' }],
      ['shop_quick', { kind: 'volume', name: 'copy_quick' }],
    ]);
    expect(warnings.map(({ code, about }) => `${code} ${about}`)).toEqual([
      'image-by-name app',
      'not-restored erp_plain',
      'not-restored shop_gone',
      'plain-volume disk',
      'plain-volume outer',
      'plain-volume foreign',
      'plain-volume quick',
    ]);
    expect(model.volumes).toMatchObject({
      foreign: { name: 'copy_foreign' },
      named: { name: 'copy_named' },
    });
  });

  it('moves binds below the folder, names anonymous volumes, and tells of what else is mounted', () => {
    const { model, data, hostPaths, warnings } = planInto(
      factsWith({
        model: {
          services: {
            app: {
              image: 'x',
              volumes: [
                { type: 'bind', source: '/elsewhere/up$$loads', target: '/uploads', read_only: true },
                { type: 'bind', source: '/etc/app.conf', target: '/app.conf' },
                { type: 'volume', target: '/cache' },
              ],
            },
          },
        },
        images: new Map([['app', image()]]),
        mounts: [
          mount({
            kind: 'bind',
            name: '/srv/uploads',
            source: '/srv/uploads',
            path: 'binds/srv-uploads~1.tar.zst',
            users: [{ service: 'app', destination: '/uploads', writable: true }],
          }),
          mount({
            kind: 'volume',
            name: 'f'.repeat(64),
            anonymous: true,
            users: [{ service: 'app', destination: '/cache', writable: true }],
          }),
        ],
      }),
    );
    expect((model.services as { app: object }).app).toMatchObject({
      image: id,
      volumes: [
        { type: 'bind', source: '/srv/copy/data/srv-uploads~1', target: '/uploads', read_only: true },
        { type: 'bind', source: '/etc/app.conf', target: '/app.conf' },
        { type: 'volume', source: 'anonymous-1', target: '/cache' },
      ],
    });
    expect(data.map(({ to }) => to)).toEqual([
      { kind: 'volume', name: 'copy_anonymous-1' },
      { kind: 'bind', path: '/srv/copy/data/srv-uploads~1' },
    ]);
    expect(hostPaths).toEqual(['/etc/app.conf']);
    expect(warnings.map(({ code, about }) => [code, about])).toEqual([['shared-path', 'app']]);
  });

  it('keeps no name, address or subnet of the original', () => {
    const { model, ports, warnings } = planInto(
      factsWith({
        model: {
          services: {
            app: {
              image: 'x',
              build: { context: '.' },
              container_name: 'shop-app',
              mac_address: '02:00:00:00:00:01',
              networks: { front: { ipv4_address: '10.9.0.2', aliases: ['web'] } },
              ports: [{ published: '8080', target: 80, host_ip: '127.0.0.1' }, { target: 81 }],
            },
          },
          networks: {
            front: { name: 'shop-front', ipam: { config: [{ subnet: '10.9.0.0/24' }] } },
            outer: { name: 'proxy', external: true },
          },
        },
        images: new Map([['app', image()]]),
      }),
    );
    const { app } = model.services as { app: object };
    expect(Object.keys(app).sort()).toEqual(['image', 'networks', 'ports']);
    expect(app).toMatchObject({ networks: { front: { aliases: ['web'] } } });
    expect(model.networks).toEqual({
      front: { name: 'copy_front' },
      outer: { name: 'proxy', external: true },
    });
    expect(ports).toEqual([{ service: 'app', address: '127.0.0.1', port: 8080, protocol: 'tcp' }]);
    expect(warnings.map(({ code }) => code)).toEqual(['names-dropped']);
  });

  it('takes the very images where it can, and fetches none that nobody starts', () => {
    const services = { here: {}, digest: {}, name: {}, tool: { image: 'tool', profiles: ['ops'] } };
    const { model, pulls, warnings } = planInto(
      factsWith({
        model: { services },
        images: new Map([
          ['here', image()],
          ['digest', image({ isHere: false })],
          ['name', image({ isHere: false, digests: [] })],
        ]),
      }),
    );
    const images = Object.values(model.services as object).map((one: { image?: string }) => one.image);
    expect(images).toEqual([id, 'shop/app@sha256:b', 'shop/app:1', 'tool']);
    expect(pulls).toEqual(['shop/app@sha256:b', 'shop/app:1']);
    expect(warnings.map(({ code, about }) => [code, about])).toEqual([['image-by-name', 'name']]);
  });

  it('gives replicas new anonymous volumes: nothing says which container gets which copy', () => {
    const users = [{ service: 'app', destination: '/cache', writable: true }];
    const mounts = ['one', 'two'].map((name) => mount({ name, anonymous: true, users }));
    const { model, volumes, data, warnings } = planInto(
      factsWith({ model: { services: { app: { image: 'app', scale: 2 } } }, mounts }),
    );
    expect([volumes, data, (model.services as { app: object }).app]).toMatchObject([[], [], { scale: 2 }]);
    expect(warnings.filter(({ code }) => code === 'not-restored').map(({ about }) => about)).toEqual([
      'one',
      'two',
    ]);
  });

  it('starts what ran, what the snapshot does not know, and what these need', () => {
    const ops = { profiles: ['ops'], ports: [{ published: '80', protocol: 'tcp' }] };
    const { services, pulls, ports, hostPaths, warnings } = planInto(
      factsWith({
        model: {
          services: {
            app: { image: 'app', depends_on: { hint: { required: false } } },
            ran: { ...ops, image: 'ran', depends_on: { base: { required: true } } },
            base: { profiles: ['ops'], image: 'base' },
            idle: { ...ops, image: 'idle', volumes: [{ type: 'bind', source: '/srv/x', target: '/x' }] },
            hint: { ...ops, image: 'hint' },
            still: { image: 'still' },
            once: { image: 'once' },
            after: { image: 'after', depends_on: { once: { required: true } } },
          },
        },
        images: new Map([
          ['ran', image()],
          ['idle', image({ isHere: false, ran: false })],
          ['still', image({ ran: false })],
          ['once', image({ ran: false })],
        ]),
      }),
    );
    expect(services).toEqual(['app', 'ran', 'base', 'once', 'after']);
    expect(pulls).toEqual(['app', 'base', 'after']);
    expect(warnings.find(({ code }) => code === 'not-started')?.message).toMatch(/: idle, still$/);
    expect(ports.map(({ service }) => service)).toEqual(['ran']);
    expect(hostPaths).toEqual([]);
  });
});
