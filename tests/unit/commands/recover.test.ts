import { once } from 'node:events';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { lookForDead, recoverFound, tellFailures } from '../../../src/commands/session/dead-runs.ts';
import { finishDead } from '../../../src/commands/session/finish-dead.ts';
import type { World } from '../../../src/commands/session/session.ts';
import { connectEngine } from '../../../src/docker/dockerode.ts';
import type { Journal } from '../../../src/run/journal.ts';
import { journalPath, journalsPath } from '../../../src/snapshot/layout.ts';
import { hangingEngine } from '../../support/hanging-engine.ts';
import { deadJournal } from '../../support/journal.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { runTool, spawnTool } from '../../support/tool.ts';

/** As at boot: an engine that does not answer, yet or ever. */
const env = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };

describe('recover, without an engine', () => {
  let folder: string;
  let backups: string;
  beforeEach(async () => {
    folder = await temporaryFolder('boot');
    backups = join(folder, 'backups');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const recover = (...args: readonly string[]) => runTool(['recover', ...args], { cwd: folder, env });
  /** A world that keeps what is said on standard error. */
  const listening = () => {
    const said: string[] = [];
    const stderr = new Writable({
      write: (chunk, _encoding, done) => {
        said.push(String(chunk));
        done();
      },
    });
    const flags = { json: false, quiet: false, verbose: false, color: false };
    const { signal } = new AbortController();
    return { said, world: { flags, stderr, stdout: stderr, signal, clock: systemClock } as unknown as World };
  };
  const leaveDead = async (over: Partial<Journal> = {}): Promise<string> => {
    const journal = deadJournal(backups, over);
    await mkdir(journalsPath(backups), { recursive: true });
    await writeFile(journalPath(backups, journal.id), JSON.stringify(journal));
    return journal.id;
  };

  it('has nothing to wait for when no run has died', async () => {
    expect(await recover('--wait-for-engine')).toEqual({
      exitCode: 0,
      stdout: 'nothing to recover\n',
      stderr: '',
    });
    expect(await recover('--quiet')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  it('fails when there is something, at once or when the time is over, and leaves it for the next time', async () => {
    await leaveDead();
    const failed = { exitCode: 1, stderr: expect.stringContaining('no Docker Engine answers') };
    expect(await recover()).toMatchObject(failed);
    expect(await recover('--wait-for-engine', '600ms')).toMatchObject(failed);
    expect(await recover('--dry-run')).toMatchObject(failed);
  });

  it('can be interrupted while it waits', async () => {
    await leaveDead();
    await using waiting = spawnTool(['recover', '--wait-for-engine'], { cwd: folder, env });
    await waiting.line(/waiting for it/);
    waiting.kill('SIGTERM');
    expect((await waiting.ended).exitCode).toBe(143);
  });

  it('refuses a length of time that is none', async () => {
    expect(await recover('--wait-for-engine', 'soon')).toMatchObject({ exitCode: 2 });
    expect(await recover('--wait', '10')).toMatchObject({ exitCode: 2 });
  });

  it('is asked for by commands that need no engine, which do their work all the same', async () => {
    const id = await leaveDead();
    const name = 'shop-20261121-031500';
    const commands = [
      ['list', '--json'],
      ['history', '--json'],
      ['show', name],
      ['ls', name],
      ['cat', name, 'manifest.json'],
      ['diff', name, name],
      ['verify', name],
    ];
    const ended = await Promise.all(
      commands.map((command) => runTool([...command, '--backups', backups], { cwd: '/', env })),
    );
    expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 0, 2, 2, 2, 2, 2]);
    expect(ended.map(({ stdout }) => stdout)).toEqual(['[]\n', '[]\n', '', '', '', '', '']);
    for (const { stderr } of ended) {
      const [told] = stderr.split('\n');
      expect(told).toContain(id);
      expect(told).toContain('no Docker Engine answers');
      expect(told).toContain(`stack-backup recover --backups ${backups}`);
    }
  });

  it('is not waited for where the engine hangs', async () => {
    const id = await leaveDead();
    const socket = join(folder, 'hung.sock');
    const asked = new AbortController();
    const taken: Socket[] = [];
    const server = createServer((connection) => {
      taken.push(connection);
      asked.abort();
    }).listen(socket);
    await once(server, 'listening');
    const before = process.env.DOCKER_HOST;
    process.env.DOCKER_HOST = `unix://${socket}`;
    const { world, said } = listening();
    try {
      await finishDead(world, [backups], asked.signal);
    } finally {
      if (before === undefined) delete process.env.DOCKER_HOST;
      else process.env.DOCKER_HOST = before;
      for (const connection of taken) connection.destroy();
      server.close();
    }
    expect(said).toEqual([expect.stringContaining(id)]);
    expect(said[0]).toContain('the engine does not answer');
    expect(await readdir(journalsPath(backups))).toEqual([`${id}.json`]);
  });

  it.each([
    ['is looked at', 'GET /containers/a', 'could not be recovered'],
    ['is started', 'POST /containers/a', 'could not be brought back'],
    ['has been started', 'GET /containers/json', 'started after'],
  ])('is given up for now when the engine hangs as a container %s', async (_moment, where, word) => {
    let hangs = false;
    const stopped = {
      ...{ Id: 'a', Name: '/shop-a-1', Config: {}, HostConfig: {}, Mounts: [] },
      State: { Status: 'exited', StartedAt: deadJournal(backups).containers[0]?.startedAt },
    };
    await using hanging = await hangingEngine((call) => {
      hangs ||= call.startsWith(where);
      if (call === 'GET /_ping') return { status: hangs ? 503 : 200 };
      if (hangs) return undefined;
      return call.startsWith('GET /containers/a') ? { body: stopped } : { status: 204 };
    });
    const id = await leaveDead({ engine: { id: hanging.id, endpoint: '' } });
    const engine = await connectEngine(hanging.endpoint);
    const { world, said } = listening();
    const { dead } = await lookForDead([backups]);
    const session = { world, engine, info: await engine.info() };
    const { records, failures } = await recoverFound(session, dead, { asEvents: false, engineMs: 300 });
    tellFailures(world, { records, failures });
    expect(said.join('')).toContain(word);
    expect(await readdir(journalsPath(backups))).toEqual([`${id}.json`]);
  });
});
