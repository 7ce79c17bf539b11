import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { cutAfterEnd } from '../../../src/base/process/linger.ts';
import { signalMarked } from '../../../src/base/process/marked.ts';
import { run, spawnStreaming } from '../../../src/base/process.ts';
import { isAtWork } from '../../support/trial.ts';
import { until } from '../../support/until.ts';

/** Leaves one behind, in a session of its own, that holds the output open; says its pid. */
const leaves = (script = 'sleep 60'): readonly string[] => [
  'sh',
  '-c',
  'setsid sh -c "$1" & echo $!; exit 7',
  'sh',
  script,
];

describe('a program that leaves another one behind with its output open', () => {
  it('is over when it has ended and nothing comes any more', async () => {
    const from = performance.now();
    const { exitCode, stdout, cut } = await run(leaves());
    expect(performance.now() - from).toBeLessThan(15_000);
    expect({ exitCode, cut }).toEqual({ exitCode: 7, cut: true });
    process.kill(Number(stdout.toString()), 'SIGKILL');
  });

  it('is read as long as something comes', async () => {
    const { stdout, cut } = await run(leaves('for i in 1 2 3 4 5 6; do sleep 0.4; echo $i; done'));
    expect(cut).toBe(false);
    expect(stdout.toString().split('\n').slice(1).join('')).toBe('123456');
  });

  it('is not cut off because its reader takes its time', async () => {
    const child = spawnStreaming(['head', '-c', '100000', '/dev/zero']);
    let bytes = 0;
    for await (const chunk of child.stdout) {
      // The program has ended long before; the rest of what it wrote waits.
      if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 3_000));
      bytes += (chunk as Buffer).length;
    }
    expect({ bytes, cut: (await child.done).cut }).toEqual({ bytes: 100_000, cut: false });
  });

  it('is not cut off at the moment at which its reader takes what has waited', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const stdout = new Readable({ read: () => undefined });
      const child = Object.assign(new EventEmitter(), { stdout, stderr: null });
      const isCut = cutAfterEnd(child as unknown as ChildProcess);
      stdout.push('waits');
      child.emit('exit', 0);
      vi.advanceTimersByTime(5_000);
      expect(String(stdout.read())).toBe('waits');
      vi.advanceTimersByTime(1_000);
      expect([isCut(), stdout.destroyed]).toEqual([false, false]);
      vi.advanceTimersByTime(1_000);
      expect([isCut(), stdout.destroyed]).toEqual([true, true]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is found by what it has inherited, wherever it has gone', async () => {
    const marker = `STACK_BACKUP_TEST=${randomUUID()}`;
    const { stdout } = await run(['env', marker, ...leaves()]);
    const pid = Number(stdout.toString());
    expect(await isAtWork(pid)).toBe(true);
    expect(await signalMarked(marker, 'SIGKILL')).toBeGreaterThan(0);
    await until('it is gone', async () => !(await isAtWork(pid)));
    // What it has started is on its way out still, on a busy machine.
    await until('nobody carries it', async () => (await signalMarked(marker, 'SIGKILL')) === 0);
  });
});

describe('a program that says more than is kept', () => {
  // It may have ended well before anybody could end it.
  it.each(['head -c 100000 /dev/zero', 'head -c 100000 /dev/zero >&2', 'head -c 1100 /dev/zero'])(
    'fails, and is not taken at its first words: %s',
    async (script) => {
      for (let round = 0; round < 5; round++)
        await expect(run(['sh', '-c', script], { maxBuffer: 1000 })).rejects.toThrow('more than can be kept');
    },
  );
});
