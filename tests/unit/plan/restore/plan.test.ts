import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseMounts } from '../../../../src/plan/restore/choose.ts';
import { planRestore } from '../../../../src/plan/restore/plan.ts';
import { questionOf, renderRestore } from '../../../../src/plan/restore/render.ts';
import type { RestoreChoice, RestoreFacts, RestorePlan } from '../../../../src/plan/restore/types.ts';
import { everything, factsOf, manifestContainer, manifestMount } from '../../../support/restore-facts.ts';
import {
  bindMount,
  containerFrom,
  instanceWith,
  type Sketch,
  stackFrom,
  volumeMount,
} from '../../../support/stack-builder.ts';

const unmeasured = { sizes: new Map(), before: undefined };

const plan = (facts: RestoreFacts, choice: Partial<RestoreChoice> = {}): RestorePlan =>
  planRestore(facts, { ...everything, ...choice }, unmeasured);

const waves = ({ window }: RestorePlan): string[][] =>
  window.stopWaves.map((wave) => wave.map((one) => (one.action === 'stop' ? one.name : `${one.name}!`)));

const shop: readonly Sketch[] = [
  { id: 'db', health: 'healthy', mounts: [volumeMount('shop_db', '/pg')] },
  { id: 'cache', mounts: [volumeMount('shop_cache', '/data')] },
  {
    id: 'app',
    dependsOn: 'db:service_healthy:false',
    mounts: [volumeMount('shop_data', '/data'), bindMount('/srv/uploads', '/uploads')],
  },
  { id: 'proxy', networkMode: 'container:app' },
  { id: 'other' },
];

const mounts = [
  manifestMount({ name: 'shop_db' }, ['db', '/pg']),
  manifestMount({ name: 'shop_cache' }, ['cache', '/data']),
  manifestMount({ name: 'shop_data' }, ['app', '/data']),
  manifestMount({ name: '/srv/uploads' }, ['app', '/uploads']),
];

const facts = (over: Parameters<typeof factsOf>[2] = {}): RestoreFacts =>
  factsOf(stackFrom(shop), mounts, over);

/** Volumes that their options mount from somewhere: what is mounted cannot be taken away. */
const mountedFromElsewhere = () => {
  const stack = stackFrom(shop);
  return { ...stack, mounts: stack.mounts.map((one) => ({ ...one, options: { device: '/somewhere' } })) };
};

const gone = (over: Parameters<typeof factsOf>[2] = {}): RestoreFacts => factsOf(stackFrom([]), mounts, over);

describe('planRestore: what is stopped', () => {
  it('stops who uses the data and who needs those, dependents first, and nobody else', () => {
    expect(waves(plan(facts()))).toEqual([['proxy'], ['app'], ['db', 'cache']]);
    expect(waves(plan(facts(), { volumes: ['cache'] }))).toEqual([['cache']]);
    expect(waves(plan(facts(), { services: ['db'] }))).toEqual([['proxy'], ['app'], ['db']]);
    expect(plan(facts(), { volumes: ['cache'] }).window.untouched.map(({ name }) => name)).toEqual([
      'db',
      'app',
      'proxy',
      'other',
    ]);
  });

  it('stops them whatever the configuration says of quiescing', () => {
    const services = { db: { quiesce: 'none' }, cache: { quiesce: 'pause' } } as const;
    const instance = instanceWith({ services, quiesce: 'none' });
    expect(waves(plan(facts({ instance })))).toEqual([['proxy'], ['app'], ['db', 'cache']]);
  });

  it('stops what is frozen and uses the data, to freeze it again; what only needs such stays frozen', () => {
    const stack = stackFrom([
      { id: 'db', state: 'paused', mounts: [volumeMount('shop_db', '/pg')] },
      { id: 'app', state: 'paused', dependsOn: 'db:service_started:false' },
    ]);
    const found = plan(factsOf(stack, mounts.slice(0, 1)));
    expect(found.window.stopWaves).toMatchObject([[{ name: 'db', action: 'stop', stateBefore: 'paused' }]]);
  });

  it('refuses while a one-shot or a container that a stop would remove uses the data', () => {
    const stack = stackFrom([
      { id: 'job', mounts: [volumeMount('shop_db', '/pg')] },
      { id: 'rm', autoRemove: true, mounts: [volumeMount('shop_db', '/pg')] },
      { id: 'app', dependsOn: 'job:service_completed_successfully:false' },
    ]);
    const { refusals } = plan(factsOf(stack, mounts.slice(0, 1)));
    expect(refusals.join('\n')).toMatch(/job uses shop_db.*one-shot.*\nrm uses shop_db.*--rm/);
  });

  it('starts what had crashed and ran in the snapshot, not what somebody had stopped', () => {
    const stack = stackFrom([
      { id: 'db', state: 'exited', exitCode: 1, mounts: [volumeMount('shop_db', '/pg')] },
      { id: 'two', state: 'exited', exitCode: 143, mounts: [volumeMount('shop_db', '/pg')] },
      { id: 'three', state: 'exited', exitCode: 1, mounts: [volumeMount('shop_db', '/pg')] },
    ]);
    const containers = [
      manifestContainer('db', { healthBefore: 'healthy' }),
      manifestContainer('two'),
      manifestContainer('three', { stateBefore: 'exited' }),
    ];
    const found = plan(factsOf(stack, mounts.slice(0, 1), { containers }));
    expect(found.revived).toEqual(['db']);
    expect(found.window.stopWaves).toMatchObject([[{ name: 'db', awaitHealth: true }]]);
  });

  it('names containers of other projects that use the data, and stops them only when told to', () => {
    const labels = { 'com.docker.compose.project': 'else' };
    const reader = containerFrom({ id: 'reader', labels, mounts: [volumeMount('shop_db', '/x', false)] });
    const nosy = containerFrom({ id: 'nosy', labels, mounts: [bindMount('/srv', '/x')] });
    const apart = containerFrom({ id: 'apart', labels, mounts: [volumeMount('else_db', '/x')] });
    const with_ = facts({ others: [reader, nosy, apart] });
    expect(plan(with_).refusals).toHaveLength(2);
    const told = plan(with_, { stopOthers: true });
    expect(told.refusals).toEqual([]);
    expect(told.others).toEqual([
      { name: 'reader (else)', uses: 'shop_db' },
      { name: 'nosy (else)', uses: '/srv/uploads' },
    ]);
    expect(waves(told).flat()).toEqual(expect.arrayContaining(['reader', 'nosy']));
    expect(waves(told).flat()).not.toContain('apart');
  });

  it('finds them by whichever way they reach the data, also where nothing is left of the stack', () => {
    const labels = { 'com.docker.compose.project': 'else' };
    const other = (id: string, mount: ReturnType<typeof bindMount>) =>
      containerFrom({ id, labels, mounts: [mount] });
    const others = [
      other('by the folder of a volume', bindMount('/volumes/shop_db/_data/base', '/x')),
      other('by a link', bindMount('/link', '/x')),
      other('by another volume of the same disk', volumeMount('else_disk', '/x')),
      other('by the disk of a volume', bindMount('/mnt/cache', '/x')),
      // Looks after the whole host, and is nobody's user.
      other('around a volume', bindMount('/volumes', '/x', false)),
      other('in memory', volumeMount('else_tmp', '/x')),
    ];
    const reach = {
      real: new Map([['/link', '/srv/uploads']]),
      devices: new Map([
        ['shop_cache', '/mnt/cache'],
        ['else_disk', '/srv/uploads/deep'],
        ['else_tmp', 'tmpfs'],
        ['shop_data', 'tmpfs'],
      ]),
    };
    const uses = (facts: RestoreFacts) => plan(facts).others.map((one) => `${one.name} ${one.uses}`);
    const found = [
      'by a link (else) /srv/uploads',
      'by another volume of the same disk (else) /srv/uploads',
      'by the disk of a volume (else) shop_cache',
    ];
    const all = ['by the folder of a volume (else) shop_db', ...found];
    expect(uses(facts({ others, reach }))).toEqual(all);
    const declared = { volumes: new Map(), binds: new Set(['/srv/uploads']) };
    const writable = new Set(['/srv/uploads']);
    expect(uses(gone({ others, reach, declared, writable }))).toEqual(found);
  });
});

describe('planRestore: where it goes', () => {
  it('makes volumes that are gone as Compose would, by what its files say today', () => {
    const declared = {
      volumes: new Map([
        [
          'shop_db',
          {
            name: 'shop_db',
            driver: 'local',
            options: { type: 'nfs', o: 'addr=10.0.0.1', device: ':/x' },
            labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.volume': 'db' },
            external: false,
          },
        ],
      ]),
      binds: new Set(['/srv/uploads']),
    };
    const found = plan(gone({ declared, missing: new Set(['/srv/uploads']) }));
    expect(found.refusals).toEqual([]);
    expect(found.putBacks.map(({ name, method, create }) => [name, method, create?.options ?? null])).toEqual(
      [
        ['shop_db', 'api', { type: 'nfs', o: 'addr=10.0.0.1', device: ':/x' }],
        ['shop_cache', 'host', {}],
        ['shop_data', 'host', {}],
        ['/srv/uploads', 'host', null],
      ],
    );
    expect(found.window.copies).toEqual([]);
    expect(found.window.stopWaves).toEqual([]);
    expect(found.putBacks[1]?.create?.labels).toEqual({
      'com.docker.compose.project': 'shop',
      'com.docker.compose.volume': 'cache',
    });
  });

  it('follows no manifest in drivers, options, host paths or volumes of others', () => {
    const evil = [
      manifestMount({ name: 'shop_a', options: { type: 'none', o: 'bind', device: '/etc' } }),
      manifestMount({ name: 'shop_b', driver: 'evil' }),
      manifestMount({ name: '/etc' }),
      manifestMount({ name: 'else_db' }),
    ];
    const others = { name: 'else_db', driver: 'local', mountpoint: '/v', labels: {}, options: {} };
    const found = plan(
      factsOf(stackFrom(shop), evil, {
        volumes: new Map([['else_db', others]]),
        writable: new Set(['/v', '/etc']),
      }),
    );
    expect(found.putBacks).toEqual([]);
    expect(found.refusals).toHaveLength(4);
  });

  it('follows the snapshot in drivers and options only where it is its own and keeps them', () => {
    const labels = { 'com.docker.compose.volume': 'a', 'com.docker.compose.config-hash': 'x' };
    const options = { type: 'nfs', o: 'addr=10.0.0.1', device: ':/x' };
    const own = [manifestMount({ name: 'shop_a', options, labels })];
    const [put] = plan(factsOf(stackFrom([]), own, { isOwn: true })).putBacks;
    expect(put).toMatchObject({ method: 'api', create: { driver: 'local', options } });
    expect(put?.create?.labels).toEqual({ 'com.docker.compose.volume': 'a' });
    expect(put?.reason).toMatch(/driver local, type=nfs, o=addr=10\.0\.0\.1, device=:\/x/);
    expect(plan(factsOf(stackFrom([]), own)).refusals).toEqual([
      expect.stringMatching(/lies in no backups folder/),
    ]);
    const memory = manifestMount({ name: 'shop_m', options: { type: 'tmpfs', device: 'tmpfs' } });
    expect(plan(factsOf(stackFrom([]), [...own, memory], { isOwn: true })).leftOut).toMatchObject([
      { name: 'shop_m' },
    ]);
    const cifs = [manifestMount({ name: 'shop_a', options: { o: 'username=u,password=<redacted>' } })];
    const { putBacks, refusals } = plan(factsOf(stackFrom([]), cifs, { isOwn: true }));
    expect(putBacks).toEqual([]);
    expect(refusals).toEqual([expect.stringMatching(/a password in its options \(o\)/)]);
  });

  it('finds a volume that nobody named by who has it where, and leaves it out where nobody has', () => {
    const [then, now] = ['a'.repeat(64), 'b'.repeat(64)];
    const stack = stackFrom([{ id: 'app', mounts: [volumeMount(now, '/scratch')] }]);
    const unnamed = manifestMount({ name: then, anonymous: true, labels: {} }, ['app', '/scratch']);
    expect(plan(factsOf(stack, [unnamed])).putBacks).toMatchObject([{ name: now, method: 'host' }]);
    const without = plan(factsOf(stackFrom([]), [unnamed, ...mounts.slice(0, 1)]));
    expect(plan(factsOf(stackFrom([]), [unnamed])).refusals).toHaveLength(1);
    // Of two replicas each gets its own.
    const replicas = ['c', 'd'].map((letter) => volumeMount(letter.repeat(64), '/scratch'));
    const two = stackFrom(replicas.map((one, at) => ({ id: `${at}`, service: 'app', mounts: [one] })));
    const other = manifestMount({ ...unnamed, name: 'e'.repeat(64) });
    expect(plan(factsOf(two, [unnamed, other])).putBacks.map(({ name }) => name[0])).toEqual(['c', 'd']);
    expect(without.leftOut).toMatchObject([{ name: then }]);
    expect(without.warnings).toMatchObject([{ code: 'not-restored', about: then }]);
  });

  it('refuses what is of another project, and what cannot be written while containers have it', () => {
    expect(plan(facts({ manifest: { project: 'else' } })).refusals.join()).toContain('project else');
    const refused = plan(facts({ writable: new Set(), stack: mountedFromElsewhere() }));
    expect(refused.putBacks).toEqual([]);
    expect(refused.refusals).toHaveLength(4);
    expect(refused.refusals.join()).toContain('docker compose -p shop down');
  });

  it('puts what only the engine reaches in its place: plain volumes that containers have, all of each', () => {
    const found = plan(facts({ writable: new Set() }), { services: ['db', 'cache'] });
    expect(found.refusals).toEqual([]);
    const inPlace = { method: 'api', isInPlace: true, source: expect.stringMatching(/^\/.+\/./) };
    expect(found.putBacks).toMatchObject([
      { name: 'shop_db', ...inPlace },
      { name: 'shop_cache', ...inPlace },
    ]);
    expect(waves(found)).toEqual([['proxy'], ['app'], ['db', 'cache']]);
    const part = plan(facts({ writable: new Set() }), { volumes: ['db'], paths: ['base'] });
    expect(part.refusals).toEqual([expect.stringMatching(/shop_db cannot be put back in part.*--path/)]);
  });

  it('keeps what it overwrites, all of it and nothing else, unless told not to', () => {
    const kept = (choice: Partial<RestoreChoice>) =>
      plan(facts(), choice).window.copies.map(({ mount }) => mount.name);
    expect(kept({})).toEqual(['shop_cache', 'shop_data', 'shop_db', '/srv/uploads']);
    expect(kept({ volumes: ['db'], paths: ['base'] })).toEqual(['shop_db']);
    expect(kept({ safety: false })).toEqual([]);
    expect(plan(facts(), { safety: false }).warnings).toMatchObject([{ code: 'no-safety' }]);
  });
});

describe('planRestore: what of a snapshot', () => {
  const paths = (choice: Partial<RestoreChoice>) =>
    plan(facts(), choice).putBacks.map(({ name, paths: only }) => [name, only?.map(String)]);

  it('takes paths in a mount and paths in a container', () => {
    expect(paths({ volumes: ['db'], paths: ['./base//1/', 'pg_wal'] })).toEqual([
      ['shop_db', ['base/1', 'pg_wal']],
    ]);
    expect(paths({ paths: ['/uploads/a.json'] })).toEqual([['/srv/uploads', ['a.json']]]);
    expect(paths({ services: ['app'], paths: ['/data'] })).toEqual([['shop_data', undefined]]);
  });

  it('takes no volume from elsewhere by the short name that it has there', () => {
    const labels = { 'com.docker.compose.volume': 'db' };
    const theirs = manifestMount({ name: 'erp_db', labels, external: true }, ['db', '/theirs']);
    const all = factsOf(stackFrom(shop), [...mounts, theirs]);
    const names = (volumes: readonly string[]) =>
      chooseMounts(all.manifest, { ...everything, volumes }).map(({ mount }) => mount.name);
    expect(names(['db'])).toEqual(['shop_db']);
    expect(names(['erp_db'])).toEqual(['erp_db']);
  });

  it('loads dumps only where a load could be undone: with a safety snapshot, in whole, into what can be emptied', () => {
    const dump = { hook: 'd', kind: 'postgres', service: 'db', path: 'dumps/db/shop.dump', bytes: 1 };
    const dumps = [{ ...dump, format: 'pg_dump custom' }];
    const loading = (choice: Partial<RestoreChoice> = {}, over: Parameters<typeof factsOf>[2] = {}) =>
      plan(facts({ manifest: { dumps }, ...over }), { fromDump: true, ...choice });
    const { refusals, putBacks, guarded, serving } = loading();
    expect([refusals, putBacks, guarded.map(({ name }) => name), serving]).toEqual([
      [],
      [],
      ['shop_db'],
      ['db'],
    ]);
    expect(loading({ safety: false }).refusals.join()).toContain('only with a safety snapshot');
    expect(loading({ paths: ['a'] }).refusals.join()).toContain('in whole');
    const elsewhere = { writable: new Set<string>() };
    expect(loading({}, elsewhere)).toMatchObject({ refusals: [], guarded: [{ method: 'api' }] });
    expect(loading({}, { ...elsewhere, stack: mountedFromElsewhere() }).refusals.join()).toContain(
      'shop_db cannot be written under a path of this host, nor emptied through the engine',
    );
  });

  it.each([
    [{ volumes: ['nothing'] }, /no volume or bind nothing/],
    [{ services: ['nobody'] }, /no service nobody/],
    [{ paths: ['a'] }, /any of several/],
    [{ paths: ['/data/x'] }, /several mounts: shop_cache, shop_data/],
    [{ volumes: ['db'], paths: ['../x'] }, /leads out/],
    [{ fromDump: true }, /no dump/],
  ])('says what is wrong with %j', (choice, message) => {
    expect(() => plan(facts(), choice)).toThrow(message);
  });
});

describe('a restore plan', () => {
  const kinds = fc.constantFrom<Sketch['state']>('running', 'paused', 'exited', 'restarting', 'created');
  const names = ['a', 'b', 'c', 'd', 'e'];
  const sketches = fc.tuple(
    ...names.map((id) =>
      fc.record({
        id: fc.constant(id),
        state: kinds,
        autoRemove: fc.boolean(),
        volumes: fc.subarray(['shop_db', 'shop_cache', 'shop_data']),
        needs: fc.subarray(
          names.filter((name) => name !== id),
          { maxLength: 2 },
        ),
        condition: fc.constantFrom('service_started', 'service_healthy', 'service_completed_successfully'),
      }),
    ),
  );

  it('must never leave anybody running who uses what is overwritten, unless it refuses', () => {
    fc.assert(
      fc.property(sketches, fc.subarray(['db', 'cache', 'data'], { minLength: 1 }), (drawn, volumes) => {
        const stack = stackFrom(
          drawn.map(
            ({ id, state, autoRemove, volumes: used, needs, condition }): Sketch => ({
              id,
              ...(state === undefined ? {} : { state }),
              autoRemove,
              mounts: used.map((name) => volumeMount(name, `/${name}`)),
              dependsOn: needs.map((name) => `${name}:${condition}:false`).join(','),
            }),
          ),
        );
        const found = plan(factsOf(stack, mounts), { volumes });
        const overwritten = found.putBacks.map(({ name }) => name);
        expect(overwritten.toSorted()).toEqual(volumes.map((name) => `shop_${name}`).toSorted());
        const stopped = new Map(found.window.stopWaves.flat().map((one) => [one.id, one.action]));
        for (const { id, details } of stack.containers) {
          const isUp = ['running', 'paused', 'restarting'].includes(details.state);
          const isUser = details.mounts.some(({ name }) => overwritten.includes(name ?? ''));
          if (isUp && isUser && stopped.get(id) !== 'stop') expect(found.refusals.join()).toContain(id);
          if (!isUp) expect(stopped.has(id)).toBe(false);
        }
        // Whatever is overwritten and is there now is kept.
        const there = stack.mounts.map(({ name }) => name).filter((name) => overwritten.includes(name));
        expect(found.window.copies.map(({ mount }) => mount.name).toSorted()).toEqual(there.toSorted());
      }),
      { numRuns: 200 },
    );
  });

  it('reads like this', () => {
    const unnamed = manifestMount({ name: 'c'.repeat(64), anonymous: true, labels: {} }, ['app', '/scratch']);
    const some = [...mounts.slice(0, 1), mounts[3] as (typeof mounts)[number], unnamed];
    const found = plan(factsOf(stackFrom(shop), [...some, manifestMount({ name: 'shop_new' })]));
    expect(questionOf(found)).toBe(
      'Overwrite shop_db, /srv/uploads, make shop_new with the data of shop-20261121-031500?',
    );
    expect(`\n${renderRestore(found, { color: false, width: 100 })}`).toMatchInlineSnapshot(`
      "
      Restore of shop-20261121-031500 into shop: data of 2026-11-21T02:15:03.000Z

      Stopped meanwhile
        1  proxy  stop  needs app, which is stopped
        2  app    stop  uses /srv/uploads
        3  db     stop  uses shop_db

      Put back
        shop_db       overwritten  1.0 kB  1 file  on the host; its host path can be written
        /srv/uploads  overwritten  1.0 kB  1 file  on the host; its host path can be written
        shop_new      made anew    1.0 kB  1 file  on the host; it is gone, and made again

      Kept before
        shop_db, /srv/uploads as it is now: a snapshot in /backups, kept for seven days at least;
        \`stack-backup restore --undo shop\` puts it back.

      Left out
        cccccccccccccccc…ccccccccccccccc  volume  nobody named it, and no container has one in its place:
                                                  \`up\` makes a new one

      Warnings
        ! cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc is not put back: nobody named
          it, and no container has one in its place: \`up\` makes a new one
      "
    `);
  });
});
