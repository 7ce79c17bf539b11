import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../src/base/disk.ts';
import { run } from '../../src/base/process.ts';
import { memberHead } from '../../src/copy/back/place/headers.ts';
import { connectEngine } from '../../src/docker/dockerode.ts';
import { resolveEndpoint } from '../../src/docker/endpoint.ts';
import type { Engine } from '../../src/docker/engine.ts';
import { bareFile } from '../../src/snapshot/entries/bare.ts';
import { docker, randomName, startContainer } from '../support/containers.ts';
import { type ScratchStack, scratchStack } from '../support/scratch.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const text = async (stream: Readable): Promise<string> => (await stream.map(String).toArray()).join('');

/** Runs a command and collects what it says. */
const said = async (engine: Engine, id: string, command: readonly string[], stdin?: Readable) => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const [exitCode, out, err] = await Promise.all([
    engine.exec(id, { command, stdout, stderr, ...(stdin === undefined ? {} : { stdin }) }),
    text(stdout),
    text(stderr),
  ]);
  return { exitCode, out, err };
};

describe('the docker context', () => {
  /** A folder of the CLI's configuration with one context. */
  const contextNamed = async (name: string, host: string): Promise<string> => {
    const folder = await temporaryFolder('context');
    const id = createHash('sha256').update(name).digest('hex');
    const [meta, tls] = [join(folder, 'contexts/meta', id), join(folder, 'contexts/tls', id, 'docker')];
    for (const one of [meta, tls]) await mkdir(one, { recursive: true });
    const context = { Name: name, Metadata: {}, Endpoints: { docker: { Host: host } } };
    await writeFile(join(meta, 'meta.json'), JSON.stringify(context));
    await writeFile(join(tls, 'ca.pem'), 'of the context');
    return folder;
  };

  it('says where the engine is, with the certificates that it keeps', async () => {
    const DOCKER_CONFIG = await contextNamed('far', 'tcp://10.1.2.3:2376');
    const { address, options } = await resolveEndpoint({ DOCKER_CONFIG, DOCKER_CONTEXT: 'far' });
    expect(address).toBe('tcp://10.1.2.3:2376');
    expect(options).toEqual({
      ...{ protocol: 'https', host: '10.1.2.3', port: 2376 },
      ca: Buffer.from('of the context'),
    });
    await removeTree(DOCKER_CONFIG);
  });

  it('is an error when there is none of that name: another engine than the one that was meant is none', async () => {
    const DOCKER_CONFIG = await contextNamed('far', 'tcp://10.1.2.3:2376');
    await expect(resolveEndpoint({ DOCKER_CONFIG, DOCKER_CONTEXT: 'fra' })).rejects.toMatchObject({
      code: 'engine-unreachable',
      message: expect.stringContaining('"fra"'),
    });
    await removeTree(DOCKER_CONFIG);
  });
});

describe('the engine', () => {
  let engine: Engine;
  let stack: ScratchStack;
  let id: string;

  beforeAll(async () => {
    engine = await connectEngine();
    stack = await scratchStack(`
services:
  main:
    image: debian:bookworm-slim
    init: true
    restart: on-failure:4
    stop_grace_period: 20s
    command: [sh, -c, 'echo first; echo second >&2; exec sleep infinity']
    volumes: [data:/data]
volumes: { data: {} }
`);
    await stack.up();
    id = await stack.container('main');
  });
  afterAll(() => stack?.down());

  it('is seen to be on this machine', async () => {
    const info = await engine.info();
    expect(info.local).toBe(true);
    expect(info.id).not.toBe('');
  });

  it('tells a container in our own words', async () => {
    expect(await engine.inspect(id)).toMatchObject({
      id,
      name: `${stack.project}-main-1`,
      state: 'running',
      health: 'none',
      restartPolicy: { name: 'on-failure', maximumRetryCount: 4 },
      stopTimeout: 20,
      autoRemove: false,
      mounts: [{ type: 'volume', name: `${stack.project}_data`, destination: '/data', writable: true }],
    });
  });

  it('makes a volume with its labels, leaves one that is there as it is, and removes it', async () => {
    const name = randomName('volume');
    const volume = { name, driver: 'local', labels: { a: 'b' }, options: {} };
    try {
      await engine.createVolume(volume);
      await engine.createVolume({ ...volume, labels: { a: 'other' } });
      expect(await engine.volume(name)).toMatchObject(volume);
    } finally {
      await engine.removeVolume(name);
    }
    await engine.removeVolume(name);
    expect(await engine.volume(name)).toBeUndefined();
    await expect(engine.removeVolume(`${stack.project}_data`)).rejects.toThrow(/in use/);
  });

  it('says 404 of a container that is not there, and undefined of such a volume', async () => {
    await expect(engine.inspect('no-such')).rejects.toMatchObject({
      code: 'engine-failed',
      details: { status: 404 },
    });
    expect(await engine.volume('no-such-volume-here')).toBeUndefined();
  });

  it('takes stopping the stopped and starting the started for success', async () => {
    await engine.stop(id);
    await engine.stop(id);
    expect((await engine.inspect(id)).state).toBe('exited');
    await engine.start(id);
    await engine.start(id);
    expect((await engine.inspect(id)).state).toBe('running');
  });

  it('holds a restart policy and puts it back', async () => {
    const before = (await engine.inspect(id)).restartPolicy;
    await engine.setRestartPolicy(id, { name: 'no', maximumRetryCount: 0 });
    expect((await engine.inspect(id)).restartPolicy).toEqual({ name: 'no', maximumRetryCount: 0 });
    await engine.setRestartPolicy(id, before);
    expect((await engine.inspect(id)).restartPolicy).toEqual(before);
  });

  it('holds the restart policy of a container that crashes at this very moment', async () => {
    await using crashing = await startContainer(
      engine,
      'crash',
      'debian:bookworm-slim',
      [],
      ['sleep', 'infinity'],
    );
    for (let crash = 0; crash < 8; crash++) {
      await engine.setRestartPolicy(crashing.id, { name: 'always', maximumRetryCount: 0 });
      await engine.start(crashing.id);
      const pid = Number(await docker('inspect', '--format', '{{.State.Pid}}', crashing.id));
      if (pid > 1) process.kill(pid, 'SIGKILL'); // 0 would be this very process group
      await engine.setRestartPolicy(crashing.id, { name: 'no', maximumRetryCount: 0 });
      expect((await engine.inspect(crashing.id)).restartPolicy.name).toBe('no');
    }
  });

  it('runs a process with its streams apart and its exit code', async () => {
    expect(await said(engine, id, ['sh', '-c', 'printf out; printf err >&2; exit 7'])).toEqual({
      exitCode: 7,
      out: 'out',
      err: 'err',
    });
  });

  it('feeds standard input to its end, binary and all', async () => {
    const bytes = Buffer.from([0, 1, 255, 10, 13, 27]);
    const answer = await said(engine, id, ['od', '-An', '-tu1'], Readable.from([bytes]));
    expect(answer).toMatchObject({ exitCode: 0, out: '   0   1 255  10  13  27\n' });
  });

  it('takes it well when a process does not want all of its input', async () => {
    const endless = Readable.from(
      (function* () {
        for (let at = 0; at < 4000; at++) yield Buffer.alloc(65_536, 0x61);
      })(),
    );
    expect(await said(engine, id, ['head', '-c', '3'], endless)).toMatchObject({ exitCode: 0, out: 'aaa' });
  });

  it('lets a slow reader slow the process down instead of keeping its output in memory', async () => {
    const before = process.memoryUsage().rss;
    const all = 200 * 1024 * 1024;
    const stdin = new PassThrough();
    let bytes = 0;
    let most = 0;
    const slow = new Writable({
      highWaterMark: 65_536,
      write: (chunk: Buffer, _encoding, done) => {
        bytes += chunk.length;
        most = Math.max(most, process.memoryUsage().rss);
        if (bytes === all) stdin.end();
        setImmediate(done);
      },
    });
    // It stays until all is read: Engine 20.10 gives up what is still on its way two seconds after an end.
    const command = ['sh', '-c', `head -c ${all} /dev/zero; cat`];
    expect(await engine.exec(id, { command, stdin, stdout: slow })).toBe(0);
    expect(bytes).toBe(all);
    expect(most - before).toBeLessThan(120 * 1024 * 1024);
  });

  it('ends the whole process tree inside the container on abort', async () => {
    const giveUp = new AbortController();
    const started = new PassThrough();
    const command = ['sh', '-c', 'trap "" TERM; sleep 4321 & echo ready; wait; sleep 4321'];
    const running = engine.exec(id, { command, stdout: started, signal: giveUp.signal });
    running.catch(() => undefined);
    await new Promise((resolve) => started.once('data', resolve));
    giveUp.abort();
    await expect(running).rejects.toMatchObject({ code: 'interrupted' });
    await until('nothing of it is left', async () => {
      const { out } = await said(engine, id, [
        'sh',
        '-c',
        'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "',
      ]);
      return !out.includes('sleep 4321');
    });
  });

  it('refuses to run in a container that is frozen', async () => {
    await engine.pause(id);
    try {
      expect((await engine.inspect(id)).state).toBe('paused');
      await expect(said(engine, id, ['true'])).rejects.toMatchObject({
        code: 'engine-failed',
        details: { status: 409 },
      });
    } finally {
      await engine.unpause(id);
    }
    expect((await engine.inspect(id)).state).toBe('running');
  });

  it('gives the log up to now, of both streams', async () => {
    const log = await text(await engine.logs(id));
    expect(log).toContain('first\n');
    expect(log).toContain('second\n');
  });

  it('gives the log of a service that has a terminal, which comes in one stream', async () => {
    const say = ['sh', '-c', 'echo first; echo second >&2'];
    await using one = await startContainer(engine, 'screen', 'debian:bookworm-slim', ['--tty'], say);
    await docker('wait', one.id);
    const lines = (await text(await engine.logs(one.id))).split(/\r?\n/);
    expect(lines).toEqual([expect.stringMatching(/ first$/), expect.stringMatching(/ second$/), '']);
  });

  it('tells of starts while it is watched, and of nothing after', async () => {
    const seen: string[] = [];
    const stop = new AbortController();
    const watch = await engine.watch(
      stack.project,
      (event) => seen.push(`${event.action} ${event.containerId}`),
      stop.signal,
    );
    await engine.stop(id);
    await engine.start(id);
    await until('the start was told', async () => seen.includes(`start ${id}`));
    stop.abort();
    await watch.ended;
    const count = seen.length;
    await engine.stop(id);
    await engine.start(id);
    await delay(0);
    expect(seen).toHaveLength(count);
  });

  it('takes it for success when somebody else is at removing the same', async () => {
    const label = `io.stack-backup.test.removal=${randomName('removal')}`;
    await docker('run', '-d', '--network', 'none', '--label', label, 'debian:bookworm-slim', 'sleep', '600');
    await Promise.all([1, 2, 3].map(() => engine.removeLabelled(label)));
    expect(await docker('ps', '-aq', '--filter', `label=${label}`)).toBe('');
  });

  it('lets go of a container when what it is sent for it breaks off', async () => {
    const head = memberHead('file', 'half', { ...bareFile(Buffer.from('half')), size: 1024 * 1024 });
    const file = join((await engine.volume(`${stack.project}_data`))?.mountpoint ?? '', 'half');
    const tar = new Readable({ read: () => undefined });
    tar.push(Buffer.concat([head, Buffer.alloc(4096)]));
    const stop = new AbortController();
    const writing = expect(engine.writeArchive(id, '/data', tar, stop.signal)).rejects.toThrow();
    await until('it has begun', async () => existsSync(file));
    stop.abort();
    await writing;
    tar.destroy();
    // The engine holds the container as long as it waits for the rest.
    await text(await engine.readArchive(id, '/data'));
    await rm(file);
  });

  it('reaches the bytes of a volume through a container that never runs, and leaves nothing behind', async () => {
    await said(engine, id, ['sh', '-c', 'echo content >/data/file']);
    const name = randomName('run');
    const holder = await engine.createHolder({
      run: name,
      mounts: [{ kind: 'volume', source: `${stack.project}_data`, target: '/v', readOnly: true }],
    });
    const image = (await engine.inspect(holder)).imageId;
    try {
      expect((await engine.inspect(holder)).state).toBe('created');
      const archive = await engine.readArchive(holder, '/v');
      const names = await run(['tar', '-t'], { input: archive });
      expect(names.stdout.toString()).toBe('v/\nv/file\n');
    } finally {
      await engine.removeHolders(name);
    }
    await engine.removeHolders(name);
    await expect(engine.inspect(holder)).rejects.toMatchObject({ details: { status: 404 } });
    expect((await run(['docker', 'image', 'inspect', image])).exitCode).not.toBe(0);
  });
});
