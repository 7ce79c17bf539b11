import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import type { EventBody } from '../../../src/base/events.ts';
import { styleOf } from '../../../src/base/text/style.ts';
import { type Line, paint, plainStyle } from '../../../src/base/text/tone.ts';
import { reduce, type State } from '../../../src/notify/terminal/state.ts';
import { settled, view } from '../../../src/notify/terminal/view.ts';
import { anyEvent, eventOf, failedRun, goodRun } from '../../support/events.ts';

const shown = (lines: readonly Line[], width: number): readonly string[] =>
  lines.map((line) => paint(line, plainStyle, width));

/** The live region after the events up to the first that `until` holds of; 500 ms lie between two events. */
const liveAt = (events: readonly EventBody[], width: number, until: (event: EventBody) => boolean) => {
  let state: State = [];
  let now = 0;
  for (const event of events) {
    state = reduce(state, eventOf(event), now);
    if (until(event)) break;
    now += 500;
  }
  return shown(view(state, width, now), width);
};

/** What stands above the live region at the end. */
const settledOf = (events: readonly EventBody[], width: number, several = false) => {
  let state: State = [];
  let now = 0;
  const lines: string[] = [];
  for (const event of events) {
    lines.push(...shown(settled(state, eventOf(event), { width, now, several }), width));
    state = reduce(state, eventOf(event), now);
    now += 500;
  }
  return { lines, state };
};

describe('the live region', () => {
  it('shows the wave that is being stopped', () => {
    const inWave = liveAt(goodRun, 80, (event) => event.type === 'wave' && event.wave === 2);
    expect(inWave.join('\n')).toMatchInlineSnapshot(`
      "✓ Stopped wave 1/3  core-worker-1 core-worker-2 core-proxy-1               1.5 s
      ⠴ Stopping wave 2/3  core-app-1                                             0 ms
        not serving for 2.0 s"
    `);
  });

  it('has a bar for each volume being copied', () => {
    const copying = (event: EventBody) => event.type === 'copy-progress' && event.mount !== 'core_db';
    expect(liveAt(goodRun, 80, copying).join('\n')).toMatchInlineSnapshot(`
      "⠋ Copying                                                                  2.5 s
        core_db              ━━━━━━━━━━╸──────────  50 %  650 MB  361 MB/s         2 s
        /srv/up\\x1b[2Jloads  ─────────────────────         12 kB  8.0 kB/s
        not serving for 7.5 s"
    `);
    expect(liveAt(goodRun, 40, copying).join('\n')).toMatchInlineSnapshot(`
      "⠋ Copying                          2.5 s
        core_db           ━━━───  50 %  650 MB
        /srv/up\\…2Jloads  ──────         12 kB
        not serving for 7.5 s"
    `);
  });

  it('says who is still to start', () => {
    expect(
      liveAt(
        goodRun,
        80,
        (event) =>
          event.type === 'container' && event.container === 'core-app-1' && event.action === 'started',
      ).join('\n'),
    ).toMatchInlineSnapshot(`
      "⠴ Starting 2 of 5  core-worker-1 core-worker-2 core-proxy-1                1.0 s
        not serving for 10.0 s"
    `);
  });

  it('shows services coming back after a failed copy', () => {
    const back = liveAt(failedRun, 80, (event) => event.type === 'container' && event.action === 'started');
    expect(back.join('\n')).toMatchInlineSnapshot(`
      "⠴ Copying                                                                  3.0 s
        core_db              ━━━━━━━━━━╸──────────  50 %  650 MB  361 MB/s         2 s
        /srv/up\\x1b[2Jloads  ─────────────────────         12 kB  8.0 kB/s
      ⠴ Starting 1 of 5  core-worker-1 core-worker-2 core-proxy-1 core-app-1      0 ms
        not serving for 8.0 s"
    `);
  });

  it('has a bar for hashing', () => {
    expect(
      liveAt(goodRun, 80, (event) => event.type === 'hash-progress' && event.bytes === 800_000_000).join(
        '\n',
      ),
    ).toMatchInlineSnapshot(
      `"⠴ Hashing   ━━━━━━━━━━━━━━━━━━╸───────────  61 %  800 MB  800 MB/s         1 s"`,
    );
  });

  it('is empty once the run is over', () => {
    expect(settledOf(goodRun, 80).state).toEqual([]);
    expect(settledOf(failedRun, 80).state).toEqual([]);
  });
});

describe('what stays above it', () => {
  it('tells a good run', () => {
    expect(settledOf(goodRun, 80).lines.join('\n')).toMatchInlineSnapshot(`
      "core  core-20261121-031500
      · proxy runs with another configuration
      ✓ Checked                                                                 500 ms
      ✓ Hook postgres-db  2 databases, 48 kB                                     1.5 s
      ! core-worker-1 was killed
      ✓ Stopped wave 1/3  core-worker-1 core-worker-2 core-proxy-1               1.5 s
      ✓ Stopped wave 2/3  core-app-1                                            500 ms
      ✓ Stopped wave 3/3  core-db-1                                             500 ms
      ✓ Copied  2 mounts, 1.3 GB, 1,221 entries                                  4.0 s
        core_db              1.3 GB   1,204 entries      4.0 s
        /srv/up\\x1b[2Jloads   20 kB      17 entries      90 ms
      ✓ Started  core-db-1 core-app-1 core-proxy-1 core-worker-2 core-worker-1   3.5 s
      ✓ Hashed  1.3 GB                                                           2.0 s
      ✓ Published                                                               500 ms"
    `);
  });

  it('tells a failed run, the way back and the next step', () => {
    expect(settledOf(failedRun, 60).lines.join('\n')).toMatchInlineSnapshot(`
      "core  core-20261121-031500
      · proxy runs with another configuration
      ✓ Checked                                             500 ms
      ✓ Hook postgres-db  2 databases, 48 kB                 1.5 s
      ! core-worker-1 was killed
      ✓ Stopped wave 1/3  core-worker-1 core-worker-2        1.5 s
                          core-proxy-1
      ✓ Stopped wave 2/3  core-app-1                        500 ms
      ✓ Stopped wave 3/3  core-db-1                         500 ms
      ✗ Copying                                              5.5 s
      ✓ Started  core-db-1 core-app-1 core-proxy-1           2.5 s
                 core-worker-2 core-worker-1
      ✗ core_db could not be read
      → Look at the kernel log."
    `);
  });

  it('names the instance on every line where there are several', () => {
    const { lines } = settledOf(goodRun, 60, true);
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.filter((line) => !line.startsWith('core  '))).toEqual([]);
  });
});

describe('whatever happens', () => {
  const begun = reduce([], eventOf({ type: 'run-started', id: 'a', snapshot: 'b', project: 'c' }), 0);
  const everything = fc.record({
    events: fc.array(fc.tuple(anyEvent, fc.integer({ min: -1000, max: 100_000 })), { maxLength: 40 }),
    width: fc.integer({ min: 1, max: 200 }),
    several: fc.boolean(),
  });

  it('no line is wider than the terminal, nor holds a control character, NaN or Infinity', () => {
    fc.assert(
      fc.property(everything, ({ events, width, several }) => {
        let state: State = begun;
        let now = 0;
        for (const [event, passed] of events) {
          const above = settled(state, event, { width, now, several });
          state = reduce(state, event, now);
          now += passed;
          for (const line of [...above, ...view(state, width, now, several)]) {
            const text = paint(line, plainStyle, width);
            expect(stringWidth(text)).toBeLessThanOrEqual(width);
            expect(text).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
            expect(text).not.toMatch(/NaN|Infinity/);
          }
        }
      }),
    );
  });

  it('colours change nothing but colours', () => {
    fc.assert(
      fc.property(
        fc.array(anyEvent, { maxLength: 20 }),
        fc.integer({ min: 10, max: 120 }),
        (events, width) => {
          const state = events.reduce<State>((before, event) => reduce(before, event, 0), begun);
          for (const line of view(state, width, 5000)) {
            const painted = paint(line, styleOf(true), width);
            expect(painted.replaceAll(/\x1b\[\d+m/g, '')).toBe(paint(line, plainStyle, width));
          }
        },
      ),
    );
  });
});
