import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { type ListRow, renderList } from '../../../src/catalog/render/list.ts';
import { renderShow } from '../../../src/catalog/render/show.ts';
import type { Manifest } from '../../../src/snapshot/types.ts';
import { nastyName } from '../../support/events.ts';

const manifest: Manifest = {
  $schema: 'urn:stack-backup:schema:manifest',
  version: 1,
  run: 'core-20261121-041500-a1b2c3',
  snapshot: 'core-20261121-041500',
  instance: 'core',
  project: 'core',
  type: 'pre-deploy',
  tags: { sha: '1f3a9c', by: 'ci' },
  note: 'before the big one',
  outcome: 'complete-with-warnings',
  timezone: 'Europe/Berlin',
  started: '2026-11-21T03:15:00.000Z',
  consistent: '2026-11-21T03:15:04.000Z',
  finished: '2026-11-21T03:15:20.000Z',
  tool: { version: '0.1.0', node: '24.21.0' },
  engine: { id: 'E', version: '20.10.24', api: '1.41', os: 'Debian GNU/Linux 12' },
  compose: { version: '2.40.3', files: ['compose.yaml'] },
  host: 'box',
  containers: [
    {
      id: 'a',
      name: 'core-db-1',
      service: 'db',
      image: 'postgres:17',
      imageId: 'sha256:1',
      digests: [],
      stateBefore: 'running',
      healthBefore: 'healthy',
      restartPolicy: 'always',
      quiesced: 'stop',
      consistency: 'clean',
      exitCode: 0,
      downtimeMs: 4210,
    },
    {
      id: 'b',
      name: 'core-worker-1',
      service: 'worker',
      image: 'core-app',
      imageId: 'sha256:2',
      digests: [],
      stateBefore: 'running',
      healthBefore: 'none',
      restartPolicy: 'always',
      quiesced: 'stop',
      consistency: 'crash',
      exitCode: 137,
      downtimeMs: 12_900,
    },
    {
      id: 'c',
      name: 'core-migrate-1',
      service: 'migrate',
      image: 'core-app',
      imageId: 'sha256:2',
      digests: [],
      stateBefore: 'exited',
      healthBefore: 'none',
      restartPolicy: 'no',
      quiesced: 'none',
      consistency: 'cold',
      downtimeMs: 0,
    },
  ],
  mounts: [
    {
      kind: 'volume',
      name: 'core_db',
      path: 'volumes/core_db',
      form: 'tree',
      method: 'host',
      source: '/var/lib/docker/volumes/core_db/_data',
      driver: 'local',
      options: {},
      labels: {},
      anonymous: false,
      external: false,
      users: [{ service: 'db', destination: '/var/lib/postgresql/data', writable: true }],
      entries: 1204,
      files: 1100,
      bytes: 48_318_720,
      lost: [],
      consistency: 'clean',
      index: 'index/core_db.ndjson.zst',
    },
    {
      kind: 'volume',
      name: 'core_nfs',
      path: 'volumes/core_nfs.tar.zst',
      form: 'archive',
      method: 'api',
      source: '/mnt',
      driver: 'local',
      options: {},
      labels: {},
      anonymous: false,
      external: true,
      users: [
        { service: 'app', destination: '/data', writable: true },
        { service: 'worker', destination: '/in', writable: false },
      ],
      entries: 1,
      files: 1,
      bytes: 12,
      lost: ['xattrs', 'ns-times'],
      consistency: 'crash',
      index: 'index/core_nfs.ndjson.zst',
    },
  ],
  skipped: [
    {
      kind: 'bind',
      name: '/srv/shop.json',
      services: ['app'],
      reason: 'a read-only bind: no service can change it',
    },
  ],
  dumps: [
    {
      hook: 'postgres-db',
      kind: 'postgres',
      service: 'db',
      path: 'dumps/db/shop.dump',
      bytes: 48_000,
      format: 'pg_dump custom',
      version: '17.2',
      database: 'shop',
    },
  ],
  hooks: [
    {
      name: 'postgres-db',
      kind: 'postgres',
      phase: 'before-stop',
      ok: true,
      ms: 1490,
      summary: '1 database, 48 kB',
    },
    {
      name: 'tell',
      kind: 'command',
      phase: 'after-start',
      ok: false,
      ms: 5000,
      summary: 'timed out after 5.0 s',
    },
  ],
  downtime: { maxMs: 12_900, windowMs: 310, services: { db: 4210, worker: 12_900 } },
  sums: { path: 'SHA256SUMS', sha256: '0'.repeat(64) },
  totals: { entries: 1207, files: 1103, bytes: 48_400_000 },
  warnings: [
    {
      code: 'killed-after-grace',
      about: 'worker',
      message: 'core-worker-1 did not stop within its grace period and was killed',
    },
    { code: 'drift', message: 'proxy runs with another configuration', notice: true },
  ],
};

const now = new Date('2026-11-21T09:00:00Z');

const rows: readonly ListRow[] = [
  {
    name: 'core-20261120-041500',
    path: '/b/core-20261120-041500',
    instance: 'core',
    manifest: {
      ...manifest,
      snapshot: 'core-20261120-041500',
      type: 'scheduled',
      outcome: 'complete',
      warnings: [],
      started: '2026-11-18T03:15:00.000Z',
      downtime: { maxMs: 0, windowMs: 0, services: {} },
    },
    verification: { ok: true, at: '2026-11-21T06:00:00.000Z' },
  },
  {
    name: 'core-20261121-041500',
    path: '/b/core-20261121-041500',
    instance: 'core',
    manifest,
    verification: { ok: false, at: '2026-11-21T08:00:00.000Z' },
  },
  {
    name: 'core-20261121-051500',
    path: '/b/core-20261121-051500',
    instance: 'core',
    problem: 'manifest.json is missing: the snapshot is not complete',
  },
];

describe('the list of snapshots', () => {
  it('is a table, with what is wrong below it', () => {
    expect(renderList(rows, { color: false, width: 110, now })).toMatchInlineSnapshot(`
      "SNAPSHOT              TYPE        CREATED   SIZE  FILES  DOWNTIME  OUTCOME    VERIFIED
      core-20261120-041500  scheduled   3 d ago  48 MB  1,103      none  complete   3 h ago
      core-20261121-041500  pre-deploy  5 h ago  48 MB  1,103    12.9 s  1 warning  DAMAGED 1 h ago
      core-20261121-051500                                               damaged    -

        ✗ core-20261121-051500: manifest.json is missing: the snapshot is not complete
      "
    `);
  });

  it('tells of the last drill of each, from its files or its dumps', () => {
    const at = '2026-11-21T07:00:00.000Z';
    const [first, second, ...others] = rows as readonly [ListRow, ListRow];
    const drilled = [
      { ...first, drill: { ok: true, at, data: 'files' } },
      { ...second, drill: { ok: false, at, data: 'dumps' } },
      ...others,
    ] as const;
    expect(renderList(drilled, { color: false, width: 140, now })).toMatchInlineSnapshot(`
      "SNAPSHOT              TYPE        CREATED   SIZE  FILES  DOWNTIME  OUTCOME    VERIFIED         DRILLED
      core-20261120-041500  scheduled   3 d ago  48 MB  1,103      none  complete   3 h ago          2 h ago
      core-20261121-041500  pre-deploy  5 h ago  48 MB  1,103    12.9 s  1 warning  DAMAGED 1 h ago  FAILED dumps 2 h ago
      core-20261121-051500                                               damaged    -                -

        ✗ core-20261121-051500: manifest.json is missing: the snapshot is not complete
      "
    `);
  });

  it('gives up columns on a narrow terminal, never the name', () => {
    expect(renderList(rows, { color: false, width: 60, now })).toMatchInlineSnapshot(`
      "SNAPSHOT               SIZE  OUTCOME    VERIFIED
      core-20261120-041500  48 MB  complete   3 h ago
      core-20261121-041500  48 MB  1 warning  DAMAGED 1 h ago
      core-20261121-051500         damaged    -

        ✗ core-20261121-051500: manifest.json is missing: the
          snapshot is not complete
      "
    `);
    expect(renderList(rows, { color: false, width: 34, now })).toContain('core-20261121-041500');
  });

  it('says when there is none', () => {
    expect(renderList([], { color: false, width: 80, now })).toBe('No snapshots yet.\n');
  });
});

describe('one snapshot', () => {
  it('is told in full', () => {
    const options = { color: false, width: 100, path: '/srv/backups/core-20261121-041500' };
    expect(renderShow(manifest, options)).toMatchInlineSnapshot(`
      "core-20261121-041500  ! complete, 1 warning
        path        /srv/backups/core-20261121-041500
        instance    core (project core)
        type        pre-deploy
        tags        sha=1f3a9c by=ci
        note        before the big one
        started     2026-11-21 04:15:00 (Europe/Berlin)
        data as of  2026-11-21 04:15:04
        finished    2026-11-21 04:15:20
        size        48 MB in 1,103 files, 1,207 entries
        downtime    12.9 s at most, 310 ms for the copies
        engine      Docker 20.10.24 (API 1.41), Debian GNU/Linux 12, on box
        compose     2.40.3
        written by  stack-backup 0.1.0, Node 24.21.0

      Services
        db       core-db-1       stopped              clean   4.2 s  postgres:17 (exit 0)
        worker   core-worker-1   stopped              crash  12.9 s  core-app (exit 137)
        migrate  core-migrate-1  left alone (exited)  cold        -  core-app

      Data
        core_db   48 MB  1,100 files  clean  tree volumes/core_db, used by db:/var/lib/postgresql/data
        core_nfs   12 B       1 file  crash  archive volumes/core_nfs.tar.zst, used by app:/data,
                                             worker:/in (read-only)
        ! core_nfs lost xattrs, ns-times

      Dumps
        dumps/db/shop.dump  48 kB  pg_dump custom of db (17.2)

      Hooks
        ✓  postgres-db  before-stop  1.5 s  1 database, 48 kB
        ✗  tell         after-start  5.0 s  timed out after 5.0 s

      Left out
        /srv/shop.json  bind  a read-only bind: no service can change it (app)

      Warnings
        ! core-worker-1 did not stop within its grace period and was killed
        · proxy runs with another configuration
      "
    `);
  });

  it('says until when it is not to be removed', () => {
    const safety = { ...manifest, pinnedUntil: '2026-11-28T03:15:00.000Z' };
    expect(renderShow(safety, { color: false, width: 100 })).toMatch(
      /^ {2}pinned until +2026-11-28 04:15:00$/m,
    );
  });

  it('shows times in UTC where its zone is unknown', () => {
    const odd = { ...manifest, timezone: 'Mars/Olympus' };
    expect(renderShow(odd, { color: false, width: 100 })).toContain('2026-11-21 03:15:00 UTC (Mars/Olympus)');
  });
});

describe('whatever a manifest holds', () => {
  it('stays on its line and within the width', () => {
    const names = fc.array(nastyName, { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(
        names,
        fc.integer({ min: 20, max: 160 }),
        fc.boolean(),
        ([a = '', b = '', c = '', d = ''], width, color) => {
          const odd: Manifest = {
            ...manifest,
            snapshot: a,
            note: b,
            timezone: c,
            started: d,
            tags: { [a]: b },
            containers: manifest.containers.map((one) => ({ ...one, service: a, name: b, image: c })),
            mounts: manifest.mounts.map((one) => ({
              ...one,
              name: a,
              path: b,
              lost: [c],
              users: [{ service: c, destination: d, writable: false }],
            })),
            skipped: manifest.skipped.map((one) => ({ ...one, name: a, reason: b, services: [c] })),
            dumps: manifest.dumps.map((one) => ({ ...one, path: a, format: b })),
            hooks: manifest.hooks.map((one) => ({ ...one, name: a, summary: b })),
            warnings: [{ code: 'odd', message: d }],
          };
          const list: ListRow[] = [
            { name: a, path: b, instance: c, manifest: odd },
            { name: a, path: b, instance: c, problem: d },
          ];
          for (const text of [
            renderShow(odd, { color, width, path: d }),
            renderList(list, { color, width, now }),
          ])
            for (const line of text.split('\n')) {
              expect(line.replaceAll(/\x1b\[\d+m/g, '')).not.toMatch(/[\p{Cc}\u202a-\u202e]/u);
              expect(stringWidth(line)).toBeLessThanOrEqual(width);
            }
        },
      ),
    );
  });
});
