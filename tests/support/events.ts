import fc from 'fast-check';
import type { EventBody, Phase, RunEvent } from '../../src/base/events.ts';

export const eventOf = (body: EventBody, instance = 'core'): RunEvent => ({
  ...body,
  at: '2026-11-21T03:15:00.123Z',
  instance,
});

const waves = [['core-worker-1', 'core-worker-2', 'core-proxy-1'], ['core-app-1'], ['core-db-1']] as const;

const stopped = waves.flatMap((containers, at): EventBody[] => [
  { type: 'wave', action: 'stop', wave: at + 1, of: waves.length, containers },
  ...containers.map(
    (container): EventBody => ({
      type: 'container',
      action: 'stopped',
      service: container,
      container,
      ms: 200,
      exitCode: 0,
    }),
  ),
]);

const started = waves
  .flat()
  .toReversed()
  .map(
    (container): EventBody => ({
      type: 'container',
      action: 'started',
      service: container,
      container,
      ms: 150,
    }),
  );

const beginning: readonly EventBody[] = [
  {
    type: 'run-started',
    id: 'core-20261121-031500-a1b2c3',
    snapshot: 'core-20261121-031500',
    project: 'core',
  },
  {
    type: 'warning',
    code: 'drift',
    about: 'proxy',
    message: 'proxy runs with another configuration',
    notice: true,
  },
  { type: 'phase', phase: 'checking' },
  { type: 'phase', phase: 'before-stop' },
  { type: 'hook-started', hook: 'postgres-db', phase: 'before-stop' },
  {
    type: 'hook-finished',
    hook: 'postgres-db',
    phase: 'before-stop',
    ok: true,
    ms: 1500,
    summary: '2 databases, 48 kB',
  },
  { type: 'phase', phase: 'stopping' },
  ...stopped,
  { type: 'warning', code: 'killed-after-grace', about: 'worker', message: 'core-worker-1 was killed' },
  { type: 'phase', phase: 'while-stopped' },
  { type: 'phase', phase: 'copying' },
  { type: 'copy-started', mount: 'core_db', bytes: 1_300_000_000, entries: 1204 },
  { type: 'copy-started', mount: '/srv/up\x1b[2Jloads', bytes: 0, entries: 0 },
  { type: 'copy-progress', mount: 'core_db', bytes: 300_000_000 },
  { type: 'copy-progress', mount: 'core_db', bytes: 650_000_000 },
  { type: 'copy-progress', mount: '/srv/up\x1b[2Jloads', bytes: 12_000 },
];

/** A run that goes well, with a warning and a notice; each event comes 500 ms after the one before. */
export const goodRun: readonly EventBody[] = [
  ...beginning,
  { type: 'copy-finished', mount: 'core_db', bytes: 1_300_000_000, entries: 1204, ms: 4000 },
  { type: 'copy-finished', mount: '/srv/up\x1b[2Jloads', bytes: 20_000, entries: 17, ms: 90 },
  { type: 'phase', phase: 'starting' },
  ...started,
  { type: 'container', action: 'healthy', service: 'db', container: 'core-db-1', ms: 900 },
  { type: 'phase', phase: 'after-start' },
  { type: 'phase', phase: 'hashing' },
  { type: 'hash-progress', bytes: 400_000_000, of: 1_300_020_000 },
  { type: 'hash-progress', bytes: 800_000_000, of: 1_300_020_000 },
  { type: 'hash-progress', bytes: 1_300_020_000, of: 1_300_020_000 },
  { type: 'phase', phase: 'publishing' },
  {
    type: 'run-finished',
    outcome: 'complete-with-warnings',
    path: '/srv/backups/core-20261121-031500',
    bytes: 1_300_020_000,
    files: 1221,
    downtimeMs: 8500,
    windowMs: 4100,
    totalMs: 16_000,
    warnings: 1,
  },
];

/** One whose copy fails; the services come back before it says so. */
export const failedRun: readonly EventBody[] = [
  ...beginning,
  ...started,
  {
    type: 'error',
    code: 'copy-failed',
    message: 'core_db could not be read',
    next: 'Look at the kernel log.',
  },
  {
    type: 'run-finished',
    outcome: 'failed',
    bytes: 0,
    files: 0,
    downtimeMs: 8500,
    windowMs: 4100,
    totalMs: 9000,
    warnings: 1,
  },
];

/** A clock that somebody turns. */
export const handClock = () => {
  let at = 1000;
  return {
    tick: () => at,
    pass: (ms: number): void => {
      at += ms;
    },
  };
};

/** Names as they may come from containers: escape codes, line ends, bidirectional text, wide and odd characters. */
export const nastyName = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }),
  fc
    .array(
      fc.constantFrom(
        '\x1b[2J',
        '\x1b]0;x\x07',
        '\n',
        '\r',
        '\t',
        '\u202e',
        '\u200b',
        '漢字',
        '👨‍👩‍👧',
        'é',
        '\ufe0f',
        '\ud800',
        'core',
        ' ',
        '\x9b31m',
      ),
      { minLength: 1, maxLength: 40 },
    )
    .map((parts) => parts.join('')),
  fc.constantFrom('core_db', '__proto__', 'constructor'),
);

const phases: readonly Phase[] = [
  'checking',
  'before-stop',
  'stopping',
  'while-stopped',
  'copying',
  'starting',
  'after-start',
  'hashing',
  'publishing',
  'cleaning-up',
  'securing',
  'restoring',
  'loading',
  'rolling-back',
];
const amount = fc.oneof(fc.nat(), fc.constantFrom(0, 1, 999, 1e15), fc.double({ min: 0 }));
const ms = fc.nat(1e9);
const mount = fc.oneof(fc.constantFrom('core_db', 'x\x1b[31m'), nastyName);
const container = fc.oneof(fc.constantFrom('core-db-1', 'core-app-1'), nastyName);
const phase = fc.constantFrom(...phases);
const hookPhase = fc.constantFrom(...phases, 'finally' as const);
const is = <T extends string>(type: T) => fc.constant(type);

const body: fc.Arbitrary<EventBody> = fc.oneof(
  fc.record({ type: is('run-started'), id: nastyName, snapshot: nastyName, project: nastyName }),
  fc.record({ type: is('phase'), phase }),
  fc.record({
    type: is('wave'),
    action: fc.constantFrom('stop', 'pause', 'unpause', 'start'),
    wave: fc.integer({ min: 1, max: 20 }),
    of: fc.integer({ min: 1, max: 20 }),
    containers: fc.array(container, { maxLength: 6 }),
  }),
  fc.record({
    type: is('container'),
    action: fc.constantFrom('stopped', 'paused', 'unpaused', 'started', 'healthy'),
    service: nastyName,
    container,
    ms,
  }),
  fc.record({ type: is('copy-started'), mount, bytes: amount, entries: fc.nat() }),
  fc.record({ type: is('copy-progress'), mount, bytes: amount }),
  fc.record({ type: is('copy-finished'), mount, bytes: amount, entries: fc.nat(), ms }),
  fc.record({ type: is('hook-started'), hook: mount, phase: hookPhase }),
  fc.record({
    type: is('hook-finished'),
    hook: mount,
    phase: hookPhase,
    ok: fc.boolean(),
    ms,
    summary: nastyName,
  }),
  fc.record({ type: is('hash-progress'), bytes: amount, of: amount }),
  fc.record({ type: is('warning'), code: is('odd'), message: nastyName, about: nastyName }),
  fc.record({ type: is('error'), code: is('internal'), message: nastyName, next: nastyName }),
  fc.record({
    type: is('run-finished'),
    outcome: fc.constantFrom('complete', 'complete-with-warnings', 'failed', 'services-down', 'interrupted'),
    path: nastyName,
    bytes: amount,
    files: fc.nat(),
    downtimeMs: ms,
    windowMs: ms,
    totalMs: ms,
    warnings: fc.nat(),
  }),
);

/** Any event, in any order, with any names. */
export const anyEvent: fc.Arbitrary<RunEvent> = fc
  .tuple(body, fc.oneof({ weight: 9, arbitrary: fc.constant('core') }, { weight: 1, arbitrary: nastyName }))
  .map(([one, instance]) => eventOf(one, instance));
