import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EventBody } from '../../../src/base/events.ts';
import { chooseListener, type ListenerOptions } from '../../../src/notify/choose.ts';
import { eventOf, failedRun, goodRun, handClock } from '../../support/events.ts';
import { Gone, Kept, Slow } from '../../support/output.ts';
import { screenOf } from '../../support/screen.ts';

const closing =
  '! core  /srv/backups/core-20261121-031500  1.3 GB · 1,221 files · down 8.5 s · total 16.0 s · 1 warning';

const play = (
  events: readonly EventBody[],
  options: Partial<ListenerOptions> & { stdout: Kept; stderr: Kept },
) => {
  const clock = handClock();
  const listener = chooseListener({
    json: false,
    quiet: false,
    verbose: false,
    color: true,
    clock,
    env: {},
    ...options,
  });
  for (const event of events) {
    listener.on(eventOf(event));
    clock.pass(500);
    vi.advanceTimersByTime(500);
  }
  listener.close();
};

/** Both streams of one terminal. */
class Both extends Kept {
  readonly device: { text: string };
  constructor(columns: number, device: { text: string }) {
    super(columns);
    this.device = device;
  }
  override _write(chunk: string | Buffer, encoding: string, done: () => void): void {
    this.device.text += String(chunk);
    super._write(chunk, encoding, done);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('on a terminal', () => {
  for (const columns of [40, 80, 200])
    it(`leaves no live region behind, and one closing line (${columns} columns)`, () => {
      const device = { text: '' };
      play(goodRun, { stdout: new Both(columns, device), stderr: new Both(columns, device) });
      const screen = screenOf(device.text);
      expect(screen.at(-1)).toBe(closing);
      expect(screen.filter((line) => line.includes('/srv/backups/'))).toEqual([closing]);
      expect(screen.filter((line) => /[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏━]|not serving/u.test(line))).toEqual([]);
      expect(screen.filter((line) => line.startsWith('✓')).length).toBeGreaterThanOrEqual(8);
    });

  it('shows bars meanwhile', () => {
    const stderr = new Kept(80);
    play(goodRun, { stdout: new Kept(), stderr });
    expect(stderr.text).toContain('━');
    expect(stderr.text).toContain('not serving for');
  });

  it('stops drawing when the run is over', () => {
    const stderr = new Kept(80);
    const stdout = new Kept();
    const listener = chooseListener({
      stdout,
      stderr,
      json: false,
      quiet: false,
      verbose: false,
      color: true,
      env: {},
    });
    for (const event of goodRun) listener.on(eventOf(event));
    expect(vi.getTimerCount()).toBe(0);
    listener.close();
  });

  it('erases its live region when it is closed in the middle of a run', () => {
    const stderr = new Kept(80);
    play(goodRun.slice(0, 14), { stdout: new Kept(), stderr });
    expect(stderr.text).toContain('Stopping wave 3/3');
    expect(stderr.text).toContain('not serving for');
    const screen = screenOf(stderr.text);
    expect(screen.length).toBeGreaterThan(2);
    expect(screen.filter((line) => /not serving|wave/.test(line))).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('paints warnings yellow and errors red, or nothing at all without colours', () => {
    const stderr = new Kept(80);
    play(failedRun, { stdout: new Kept(80), stderr });
    expect(stderr.text).toContain('\x1b[33m! core-worker-1 was killed\x1b[39m');
    expect(stderr.text).toContain('\x1b[31m✗ core_db could not be read\x1b[39m');
    for (const options of [{ color: false }, { env: { NO_COLOR: '1' } }]) {
      const stdout = new Kept(80);
      const plain = new Kept(80);
      play(failedRun, { stdout, stderr: plain, ...options });
      expect(plain.text + stdout.text).not.toMatch(/\x1b\[\d+m/);
      expect(plain.text).toContain('✗ core_db could not be read');
    }
  });

  it('never lets a name reach the terminal as a control code', () => {
    const stderr = new Kept(80);
    play(goodRun, { stdout: new Kept(), stderr });
    expect(stderr.text).not.toContain('\x1b[2J');
    expect(stderr.text).toContain('/srv/up\\x1b[2Jloads');
  });
});

describe('redirected', () => {
  it('writes no control codes, and the closing line last and alone on stdout', () => {
    const stdout = new Kept();
    const stderr = new Kept();
    play(goodRun, { stdout, stderr });
    expect(stdout.lines).toEqual([closing]);
    expect(stderr.text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(stderr.lines.filter((line) => !/^2026-11-21T03:15:00Z core /.test(line))).toEqual([]);
    expect(stderr.text).not.toContain('/srv/backups/');
  });

  it('is what a terminal without abilities gets, and one that asked for everything', () => {
    for (const options of [{ env: { TERM: 'dumb' } }, { verbose: true }]) {
      const stderr = new Kept(80);
      play(goodRun, { stdout: new Kept(), stderr, ...options });
      expect(stderr.text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    }
  });
});

describe('--json', () => {
  it('writes every event as a line of stdout, and nothing else anywhere', () => {
    const stdout = new Kept(80);
    const stderr = new Kept(80);
    play(goodRun, { stdout, stderr, json: true, quiet: true, verbose: true });
    expect(stdout.lines.map((line) => JSON.parse(line))).toEqual(goodRun.map((event) => eventOf(event)));
    expect(stderr.text).toBe('');
  });

  it('leaves out progress, and only that, while the reader is behind', () => {
    const stdout = new Slow();
    play(goodRun, { stdout, stderr: new Kept(), json: true });
    stdout.release();
    const kept = goodRun.filter((event) => event.type !== 'copy-progress' && event.type !== 'hash-progress');
    expect(stdout.lines.map((line) => JSON.parse(line))).toEqual(kept.map((event) => eventOf(event)));
  });
});

describe('--quiet', () => {
  it('says nothing on stdout, even of a failure', () => {
    for (const events of [goodRun, failedRun]) {
      const stdout = new Kept(80);
      play(events, { stdout, stderr: new Kept(80), quiet: true });
      expect(stdout.text).toBe('');
    }
  });
});

describe('a reader that went away', () => {
  it('does not disturb the run', async () => {
    vi.useRealTimers();
    const failures: unknown[] = [];
    const note = (error: unknown): void => {
      failures.push(error);
    };
    process.on('uncaughtException', note);
    try {
      for (const options of [{}, { json: true }, { quiet: true }, { verbose: true }]) {
        const gone = [new Gone(80), new Gone(80)] as const;
        const clock = handClock();
        const base = { json: false, quiet: false, verbose: false, color: true, clock, env: {} };
        const listener = chooseListener({ ...base, ...options, stdout: gone[0], stderr: gone[1] });
        for (const event of failedRun) listener.on(eventOf(event));
        await new Promise((resolve) => setImmediate(resolve));
        for (const event of goodRun) listener.on(eventOf(event));
        listener.close();
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      process.off('uncaughtException', note);
    }
    expect(failures).toEqual([]);
  });
});
