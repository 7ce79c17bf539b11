import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { signalMarked } from '../../../src/base/process/marked.ts';
import { Pace } from '../../../src/base/process/pace.ts';
import { run, spawnStreaming } from '../../../src/base/process.ts';
import { isAtWork } from '../../support/trial.ts';
import { until } from '../../support/until.ts';

const megabyte = 1_000_000;
const endless = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64k', 'status=none'];

/** The letter that proc(5) has for what a process is at; undefined when it is gone. */
const stateOf = async (pid: number): Promise<string | undefined> =>
  (await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')).split(') ')[1]?.[0];

const readBy = async (pid: number): Promise<number> =>
  Number(/^rchar: (\d+)$/m.exec(await readFile(`/proc/${pid}/io`, 'latin1'))?.[1]);

const isStopped = async (pid: number): Promise<boolean> => (await stateOf(pid)) === 'T';

const start = (command: readonly string[], pace: Pace) => {
  const stop = new AbortController();
  const { pid = 0, done } = spawnStreaming(command, { pace, signal: stop.signal });
  const interrupted = expect(done).rejects.toMatchObject({ code: 'interrupted' });
  return { pid, stop, interrupted };
};

describe('a process that is held to a pace', { timeout: 60_000 }, () => {
  it('never goes on before what it has read is paid for', async () => {
    const from = performance.now();
    const { pid, stop, interrupted } = start(endless, new Pace(100 * megabyte));
    for (let rest = 0; rest < 3; rest++) {
      await until('it rests', () => isStopped(pid), 20_000);
      const read = await readBy(pid);
      await until('it has gone on', async () => (await readBy(pid)) > read, 20_000);
      expect(read).toBeLessThanOrEqual((100 * megabyte * (performance.now() - from)) / 1000);
    }
    stop.abort();
    await interrupted;
  });

  it('ends at once when it has to, though it is stopped', async () => {
    const { pid, stop, interrupted } = start(endless, new Pace(1000));
    await until('it rests', () => isStopped(pid), 20_000);
    stop.abort();
    await interrupted;
    expect(await stateOf(pid)).toBeUndefined();
  });

  it('shares it with all others, those that it has begun too', async () => {
    const pace = new Pace(1000);
    const one = start(endless, pace);
    const script = 'dd if=/dev/zero of=/dev/null bs=64k status=none & echo $! >&2; wait';
    const other = start(['sh', '-c', script], pace);
    const child = async (): Promise<number> =>
      Number(await readFile(`/proc/${other.pid}/task/${other.pid}/children`, 'latin1').catch(() => '0'));
    await until('it has begun another one', async () => (await child()) > 0, 20_000);
    const pid = await child();
    for (const each of [one.pid, other.pid, pid]) await until('it rests', () => isStopped(each), 20_000);
    for (const { stop, interrupted } of [one, other]) {
      stop.abort();
      await interrupted;
    }
    await until('the child is gone', async () => (await stateOf(pid)) === undefined, 20_000);
  });

  it('is not slower than it can be when it reads less', async () => {
    const pace = new Pace(1e12);
    const { exitCode } = await run([...endless, 'count=100'], { pace });
    expect(exitCode).toBe(0);
  });

  it('is found and killed when whoever stopped it is gone', async () => {
    const marker = `STACK_BACKUP_TEST=${randomUUID()}`;
    const { stdout } = await run(['env', marker, 'sh', '-c', 'setsid sleep 60 >&- 2>&- & echo $!']);
    const pid = Number(stdout.toString());
    await until('it is at work', async () => isAtWork(pid), 20_000);
    process.kill(pid, 'SIGSTOP');
    await until('it rests', () => isStopped(pid), 20_000);
    await signalMarked(marker, 'SIGKILL');
    await until('it is gone', async () => !(await isAtWork(pid)), 20_000);
  });
});
