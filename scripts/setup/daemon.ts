import { spawn } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { SetupProblem, say } from './say.ts';

const log = '/var/log/dockerd.log';
const pidFile = '/run/docker.pid';
const limitMs = 90_000;

/** Whether the engine answers its clients. */
type Answers = () => Promise<boolean>;

/**
 * Starts dockerd where no init system does, in a session of its own so that it outlives this terminal, and
 * waits until it answers. One that somebody else is starting at the same moment is waited for instead.
 */
export const startDaemon = async (answers: Answers): Promise<void> => {
  const limit = Date.now() + limitMs;
  for (;;) {
    const other = await pidOfRunning(pidFile, 'dockerd');
    if (other !== undefined) {
      say(`dockerd is running already (process ${other}); waiting until it answers`);
      if (await waitWhile(async () => (await pidOfRunning(pidFile, 'dockerd')) === other, answers, limit))
        return;
    } else {
      const end = await startOwn(answers, limit);
      if (end === undefined) return;
      // Beaten by another one between our look at the pid file and dockerd's own: then that one is it.
      if ((await pidOfRunning(pidFile, 'dockerd')) === undefined) throw await notUp(end);
    }
    if (Date.now() > limit) throw await notUp(`no answer within ${limitMs / 1000} s`);
  }
};

/** Undefined once it answers, else why this dockerd ended; a text about the limit when that ran out. */
const startOwn = async (answers: Answers, limit: number): Promise<string | undefined> => {
  await removeStale(pidFile, 'dockerd');
  await removeStale('/run/docker/containerd/containerd.pid', 'containerd');
  say(`starting the Docker Engine without systemd (dockerd; log: ${log})`);
  const output = await open(log, 'a');
  const daemon = spawn('dockerd', [], { detached: true, stdio: ['ignore', output.fd, output.fd], cwd: '/' });
  let end: string | undefined;
  daemon.once('error', (error) => {
    end = error.message;
  });
  daemon.once('exit', (code, signal) => {
    end = `it ended with ${signal ?? `exit code ${code}`}`;
  });
  try {
    if (await waitWhile(async () => end === undefined, answers, limit)) return undefined;
    return end ?? `no answer within ${limitMs / 1000} s`;
  } finally {
    daemon.unref();
    await output.close();
  }
};

/** Whether it answered before it ended or the time was up. */
const waitWhile = async (alive: Answers, answers: Answers, limit: number): Promise<boolean> => {
  while (!(await answers())) {
    if (Date.now() > limit || !(await alive())) return false;
    await delay(100);
  }
  return true;
};

/** The process a pid file names, if that is running and is what the file is for. */
const pidOfRunning = async (file: string, name: string): Promise<string | undefined> => {
  const pid = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (!/^\d+$/.test(pid)) return undefined;
  const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
  return command.trim() === name ? pid : undefined;
};

/**
 * After a crash, or on a disk image that was taken of a running machine, a pid file can name a process that
 * is something else by now, and dockerd would refuse to start beside it.
 */
const removeStale = async (file: string, name: string): Promise<void> => {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined || (await pidOfRunning(file, name)) !== undefined) return;
  say(`removing the stale pid file ${file} (process ${text.trim()} is not ${name})`);
  await rm(file, { force: true });
};

const notUp = async (reason: string): Promise<SetupProblem> => {
  const text = await readFile(log, 'utf8').catch(() => '');
  // The log goes back further than this start.
  const since = text.slice(Math.max(0, text.lastIndexOf('msg="Starting up"')));
  process.stderr.write(`${since.trimEnd().split('\n').slice(-25).join('\n')}\n`);
  return new SetupProblem(`the Docker Engine did not come up: ${reason}`, [
    `The end of ${log} stands above. Usual causes: no right to mount or to change iptables (a container`,
    'without --privileged), a full disk under /var/lib/docker, or another dockerd that is running.',
  ]);
};
