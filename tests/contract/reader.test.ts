import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectEngine } from '../../src/docker/dockerode.ts';
import type { Engine } from '../../src/docker/engine.ts';
import { docker } from '../support/containers.ts';
import { repository } from '../support/tool.ts';
import { until } from '../support/until.ts';

let engine: Engine;
let image = '';
beforeAll(async () => {
  engine = await connectEngine();
  image = await docker('image', 'inspect', '--format', '{{.Id}}', 'debian:bookworm-slim');
});
afterAll(() => engine.removeDeadReaders());

/** Containers that read for a process, by its pid: others may be at the same work. */
const readersOf = async (pid: number): Promise<readonly string[]> => {
  const label = 'io.stack-backup.reader';
  const format = `{{.ID}} {{.Label "${label}"}}`;
  const lines = (await docker('ps', '-a', '--filter', `label=${label}`, '--format', format)).split('\n');
  return lines
    .filter((line) => line.includes(`"pid":${pid},`))
    .map((line) => line.slice(0, line.indexOf(' ')));
};

const read = async (
  command: readonly string[],
  stdin: Readable,
  signal = new AbortController().signal,
  from = image,
) => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const exitCode = await engine.read({ image: from, command, stdin, stdout, stderr, signal });
  stdout.end();
  stderr.end();
  return { exitCode, stdout: await text(stdout), stderr: await text(stderr) };
};

/** Tells of everything that untrusted bytes could reach. */
const look = `id -u; ls /sys/class/net; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status
touch /tmp/x /dev/shm/../x 2>/dev/null && echo written; cat; echo to stderr >&2; exit 7`;

/** Never takes its input, so it does not end with it. */
const stubborn = ['sleep', '3600'];

describe('a reader', () => {
  it('gets its bytes and nothing else: no network, no rights, nothing to write to', async () => {
    const ended = await read(['sh', '-c', look], Readable.from(['bytes ', 'to read']));
    expect(ended).toEqual({
      exitCode: 7,
      stdout: '65534\nlo\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nbytes to read',
      stderr: 'to stderr\n',
    });
    expect(await readersOf(process.pid)).toEqual([]);
  });

  it('is gone when it was interrupted, did not want its input, or could not start', async () => {
    const abort = new AbortController();
    const [waiting, many] = [new PassThrough(), Readable.from(Array(64).fill(Buffer.alloc(65_536)))];
    const interrupted = read(stubborn, waiting, abort.signal);
    await until('the reader runs', async () => (await readersOf(process.pid)).length === 1);
    abort.abort();
    await expect(interrupted).rejects.toMatchObject({ code: 'interrupted' });
    expect(await read(['true'], many)).toMatchObject({ exitCode: 0 });
    await expect(read(['no-such-program'], new PassThrough())).rejects.toThrow('executable file not found');
    await expect(
      read(['true'], new PassThrough(), undefined, `sha256:${'0'.repeat(64)}`),
    ).rejects.toMatchObject({ details: { status: 404 } });
    expect(await readersOf(process.pid)).toEqual([]);
  });

  it('of a killed process is removed by the next one, that of a living one is not', async () => {
    const script = `
      const { connectEngine } = await import('${repository}/src/docker/dockerode.ts');
      const { PassThrough } = await import('node:stream');
      const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
      const engine = await connectEngine();
      const signal = new AbortController().signal;
      await engine.read({ image: '${image}', command: ${JSON.stringify(stubborn)}, signal, ...streams });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
    const pid = child.pid as number;
    const abort = new AbortController();
    const own = read(stubborn, new PassThrough(), abort.signal);
    own.catch(() => undefined);
    const ended = once(child, 'exit');
    try {
      await until('both readers run', async () => {
        const both = [await readersOf(pid), await readersOf(process.pid)];
        return both.every((one) => one.length === 1);
      });
      child.kill('SIGKILL');
      await ended;
      await engine.removeDeadReaders();
      expect([await readersOf(pid), (await readersOf(process.pid)).length]).toEqual([[], 1]);
    } finally {
      child.kill('SIGKILL');
      abort.abort();
    }
    await expect(own).rejects.toMatchObject({ code: 'interrupted' });
  });
});
