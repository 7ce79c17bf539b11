import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { signalMarked } from '../../../src/base/process/marked.ts';
import { Pace } from '../../../src/base/process/pace.ts';
import { run, spawnStreaming } from '../../../src/base/process.ts';
import { isAtWork } from '../../support/trial.ts';
import { until } from '../../support/until.ts';

const megabyte = 1_000_000;
/** Reads by fits and starts, some 80 MB a second at most: nothing that takes long to be paid for. */
const steady = ['sh', '-c', 'while :; do head -c 1000000 /dev/zero >/dev/null; sleep 0.01; done'];
const endless = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64k', 'status=none'];

/** The letter that proc(5) has for what a process is at; undefined when it is gone. */
const stateOf = async (pid: number): Promise<string | undefined> =>
  (await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')).split(') ').at(-1)?.[0];

const readBy = async (pid: number): Promise<number> =>
  Number(/^rchar: (\d+)$/m.exec(await readFile(`/proc/${pid}/io`, 'latin1'))?.[1]);

const isStopped = async (pid: number): Promise<boolean> => (await stateOf(pid)) === 'T';

const start = (command: readonly string[], pace?: Pace) => {
  const stop = new AbortController();
  const { pid = 0, done } = spawnStreaming(command, { ...(pace && { pace }), signal: stop.signal });
  const interrupted = expect(done).rejects.toMatchObject({ code: 'interrupted' });
  return { pid, stop, interrupted };
};

describe('a process that is held to a pace', { timeout: 120_000 }, () => {
  it('never goes on before what it has read is paid for', async () => {
    const from = performance.now();
    const { pid, stop, interrupted } = start(steady, new Pace(5 * megabyte));
    for (let rest = 0; rest < 2; rest++) {
      // Told only when it rested all the time between the first look and the last.
      const whileItRests = async (): Promise<number | undefined> => {
        const read = await readBy(pid);
        return (await isStopped(pid)) && (await readBy(pid)) === read ? read : undefined;
      };
      const read = await until('it rests', whileItRests);
      await until('it has gone on', async () => (await readBy(pid)) > read);
      expect(read).toBeLessThanOrEqual((5 * megabyte * (performance.now() - from)) / 1000);
    }
    stop.abort();
    await interrupted;
  });

  it('ends at once when it has to, though it is stopped', async () => {
    const { pid, stop, interrupted } = start(endless, new Pace(1000));
    await until('it rests', () => isStopped(pid));
    stop.abort();
    await interrupted;
    expect(await stateOf(pid)).toBeUndefined();
  });

  it('shares it with all others, those that it has begun too', async () => {
    const script = 'dd if=/dev/zero of=/dev/null bs=64k status=none & wait';
    const other = start(['sh', '-c', script]);
    const child = async (): Promise<number> =>
      Number(await readFile(`/proc/${other.pid}/task/${other.pid}/children`, 'latin1').catch(() => '0'));
    await until('it has begun another one', async () => (await child()) > 0);
    const pid = await child();
    const pace = new Pace(1000);
    const one = start(endless, pace);
    {
      using _followed = pace.follow(other.pid);
      for (const each of [one.pid, other.pid, pid]) await until('it rests', () => isStopped(each));
    }
    await until('it is let go', async () => !(await isStopped(pid)));
    for (const { stop, interrupted } of [one, other]) {
      stop.abort();
      await interrupted;
    }
    // Nobody here waits for it: it may stay as a zombie.
    await until('the child is gone', async () => !(await isAtWork(pid)));
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
    await until('it is at work', async () => isAtWork(pid));
    process.kill(pid, 'SIGSTOP');
    await until('it rests', () => isStopped(pid));
    await signalMarked(marker, 'SIGKILL');
    await until('it is gone', async () => !(await isAtWork(pid)));
  });
});
