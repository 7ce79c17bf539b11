import { spawn } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { $ } from 'zx';
import { aptInstall } from './apt.ts';
import { hasCommand, type Machine } from './machine.ts';
import { SetupProblem, say } from './say.ts';

const log = '/var/log/dockerd.log';
const startLimit = 90_000;

interface Answer {
  readonly ok: boolean;
  readonly reason: string;
}

const ask = async (): Promise<Answer> => {
  if (!(await hasCommand('docker'))) return { ok: false, reason: 'the docker command is not installed' };
  const result = await $({
    nothrow: true,
    quiet: true,
    timeout: '15s',
  })`docker version --format ${'{{.Server.Version}}'}`;
  return { ok: result.exitCode === 0 && result.stdout.trim() !== '', reason: result.stderr.trim() };
};

const byHand = [
  'Install Docker Engine 20.10 or newer (package docker.io on Debian and Ubuntu, Docker Desktop on macOS),',
  'start it, and make sure that `docker version` shows a server for the user you are. Then run this again.',
];

/** A Docker Engine that answers: installs and starts one on Debian and Ubuntu as root, else says how. */
export const ensureEngine = async (machine: Machine): Promise<void> => {
  const answer = await ask();
  if (answer.ok) return;
  if (/permission denied/i.test(answer.reason)) {
    throw new SetupProblem('the Docker Engine refuses this user', [
      answer.reason,
      'Run this as root, or as a user who may use the engine (think first: that equals root on the machine).',
    ]);
  }
  if (process.env.DOCKER_HOST !== undefined || (process.env.DOCKER_CONTEXT ?? 'default') !== 'default') {
    throw new SetupProblem('the Docker Engine that DOCKER_HOST or DOCKER_CONTEXT names does not answer', [
      answer.reason,
      'Start that engine, or unset the variable to use one on this machine. Then run this again.',
    ]);
  }
  if (!machine.installable) {
    const who = machine.family === 'other' ? machine.description : `${machine.description}, not root`;
    throw new SetupProblem(`no Docker Engine answers, and this script does not install one here (${who})`, byHand);
  }
  if (!(await hasCommand('dockerd'))) await aptInstall(['docker.io'], 'the Docker Engine');
  // From Debian 13 on the client is a package of its own.
  if (!(await hasCommand('docker'))) await aptInstall(['docker-cli'], 'the docker command');
  // The package may have started it already, where its policy allows that.
  if ((await ask()).ok) return;
  await (machine.systemd ? startBySystemd() : startDirectly());
};

const startBySystemd = async (): Promise<void> => {
  say('starting the Docker Engine (systemctl start docker)');
  const started = await $({ nothrow: true, quiet: true })`systemctl start docker`;
  if (started.exitCode !== 0 || !(await ask()).ok) {
    process.stderr.write(started.stdall);
    throw new SetupProblem('systemd could not start the Docker Engine', ['See: journalctl -u docker -n 50']);
  }
};

const startDirectly = async (): Promise<void> => {
  await removeStalePidFile('/run/docker.pid', 'dockerd');
  await removeStalePidFile('/run/docker/containerd/containerd.pid', 'containerd');
  say(`starting the Docker Engine without systemd (dockerd; log: ${log})`);
  const output = await open(log, 'a');
  // A session of its own: closing this terminal must not end the engine.
  const daemon = spawn('dockerd', [], { detached: true, stdio: ['ignore', output.fd, output.fd], cwd: '/' });
  const ended = new Promise<string>((resolve) => {
    daemon.once('error', (error) => resolve(error.message));
    daemon.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `exit code ${code}`}`));
  });
  try {
    await waitUntilItAnswers(ended);
  } catch (error) {
    const text = await readFile(log, 'utf8').catch(() => '');
    process.stderr.write(`${text.trimEnd().split('\n').slice(-25).join('\n')}\n`);
    throw error;
  } finally {
    daemon.unref();
    await output.close();
  }
};

const waitUntilItAnswers = async (ended: Promise<string>): Promise<void> => {
  const limit = Date.now() + startLimit;
  let end: string | undefined;
  void ended.then((reason) => {
    end = reason;
  });
  while (!(await ask()).ok) {
    if (end !== undefined || Date.now() > limit) {
      throw new SetupProblem(
        `the Docker Engine did not come up: ${end ?? `no answer within ${startLimit / 1000} s`}`,
        [
          `The end of ${log} stands above. Usual causes: no right to mount or to change iptables (a container`,
          'without --privileged), a full disk under /var/lib/docker, or another dockerd that is running.',
        ],
      );
    }
    await Promise.race([ended, delay(100)]);
  }
};

/** After a crash or a restored disk image the pid file can name a process that is something else by now. */
const removeStalePidFile = async (file: string, name: string): Promise<void> => {
  const pid = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (pid === '') return;
  const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
  if (command.trim() === name) return;
  say(`removing the stale pid file ${file} (process ${pid} is not ${name})`);
  await rm(file, { force: true });
};
