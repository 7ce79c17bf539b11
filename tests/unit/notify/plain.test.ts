import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventBody } from '../../../src/base/events.ts';
import { plainLine, plainListener, quietListener } from '../../../src/notify/plain.ts';
import { anyEvent, eventOf, failedRun, goodRun, handClock } from '../../support/events.ts';
import { Kept } from '../../support/output.ts';

const played = (events: readonly EventBody[], verbose = false): readonly string[] => {
  const stderr = new Kept();
  const clock = handClock();
  const listener = plainListener(stderr, { clock, verbose });
  for (const event of events) {
    listener.on(eventOf(event));
    clock.pass(500);
  }
  listener.close();
  return stderr.lines;
};

describe('the plain listener', () => {
  it('writes one timestamped line an event', () => {
    expect(played(goodRun).join('\n')).toMatchInlineSnapshot(`
      "2026-11-21T03:15:00Z core snapshot core-20261121-031500 of project core (run core-20261121-031500-a1b2c3)
      2026-11-21T03:15:00Z core notice [proxy]: proxy runs with another configuration
      2026-11-21T03:15:00Z core checking
      2026-11-21T03:15:00Z core before the stop
      2026-11-21T03:15:00Z core hook postgres-db (before-stop) begins
      2026-11-21T03:15:00Z core hook postgres-db done after 1.5 s: 2 databases, 48 kB
      2026-11-21T03:15:00Z core stopping
      2026-11-21T03:15:00Z core stopping wave 1/3: core-worker-1 core-worker-2 core-proxy-1
      2026-11-21T03:15:00Z core core-worker-1 stopped after 200 ms (exit 0)
      2026-11-21T03:15:00Z core core-worker-2 stopped after 200 ms (exit 0)
      2026-11-21T03:15:00Z core core-proxy-1 stopped after 200 ms (exit 0)
      2026-11-21T03:15:00Z core stopping wave 2/3: core-app-1
      2026-11-21T03:15:00Z core core-app-1 stopped after 200 ms (exit 0)
      2026-11-21T03:15:00Z core stopping wave 3/3: core-db-1
      2026-11-21T03:15:00Z core core-db-1 stopped after 200 ms (exit 0)
      2026-11-21T03:15:00Z core warning [worker]: core-worker-1 was killed
      2026-11-21T03:15:00Z core services are quiet
      2026-11-21T03:15:00Z core copying
      2026-11-21T03:15:00Z core copying core_db: 1.3 GB, 1,204 entries
      2026-11-21T03:15:00Z core copying /srv/up\\x1b[2Jloads
      2026-11-21T03:15:00Z core copied core_db: 1.3 GB, 1,204 entries in 4.0 s
      2026-11-21T03:15:00Z core copied /srv/up\\x1b[2Jloads: 20 kB, 17 entries in 90 ms
      2026-11-21T03:15:00Z core starting
      2026-11-21T03:15:00Z core core-db-1 started after 150 ms
      2026-11-21T03:15:00Z core core-app-1 started after 150 ms
      2026-11-21T03:15:00Z core core-proxy-1 started after 150 ms
      2026-11-21T03:15:00Z core core-worker-2 started after 150 ms
      2026-11-21T03:15:00Z core core-worker-1 started after 150 ms
      2026-11-21T03:15:00Z core core-db-1 healthy after 900 ms
      2026-11-21T03:15:00Z core after the start
      2026-11-21T03:15:00Z core hashing
      2026-11-21T03:15:00Z core publishing"
    `);
  });

  it('tells the error and the next step on one line', () => {
    expect(played(failedRun).at(-1)).toBe(
      '2026-11-21T03:15:00Z core error (copy-failed): core_db could not be read -> Look at the kernel log.',
    );
  });

  it('shows the progress of a mount at most once in ten seconds', () => {
    const stderr = new Kept();
    const clock = handClock();
    const listener = plainListener(stderr, { clock, verbose: false });
    listener.on(eventOf({ type: 'copy-started', mount: 'a', bytes: 100, entries: 1 }));
    for (let second = 1; second <= 25; second += 1) {
      clock.pass(1000);
      listener.on(eventOf({ type: 'copy-progress', mount: 'a', bytes: second }));
    }
    expect(stderr.lines.slice(1)).toEqual([
      '2026-11-21T03:15:00Z core copying a: 10 B so far',
      '2026-11-21T03:15:00Z core copying a: 20 B so far',
    ]);
  });

  it('shows all of it with --verbose', () => {
    const progress = goodRun.filter(
      (event) => event.type === 'copy-progress' || event.type === 'hash-progress',
    );
    expect(played(goodRun, true).length - played(goodRun).length).toBe(progress.length);
  });

  it('writes one line without control characters, whatever the names are', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const line = plainLine(event);
        expect(line.endsWith('\n')).toBe(true);
        expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\u202a-\u202e]/u);
        expect(line).toMatch(/^2026-11-21T03:15:00Z /);
      }),
    );
  });
});

describe('the quiet listener', () => {
  const quiet = (events: readonly EventBody[]): readonly string[] => {
    const stderr = new Kept();
    const listener = quietListener(stderr);
    for (const event of events) listener.on(eventOf(event));
    listener.close();
    return stderr.lines;
  };

  it('says nothing of a run without warnings, and leaves notices out', () => {
    const calm = goodRun
      .filter((event) => event.type !== 'warning' || event.notice === true)
      .map((event) => (event.type === 'run-finished' ? { ...event, outcome: 'complete' as const } : event));
    expect(calm.some((event) => event.type === 'warning')).toBe(true);
    expect(quiet(calm)).toEqual([]);
  });

  it('tells warnings', () => {
    expect(quiet(goodRun)).toEqual(['2026-11-21T03:15:00Z core warning [worker]: core-worker-1 was killed']);
  });

  it('tells the error and how the run ended', () => {
    expect(quiet(failedRun).slice(1)).toEqual([
      '2026-11-21T03:15:00Z core error (copy-failed): core_db could not be read -> Look at the kernel log.',
      '2026-11-21T03:15:00Z core ended: failed · no snapshot · services as before · down 8.5 s · total 9.0 s',
    ]);
  });
});
