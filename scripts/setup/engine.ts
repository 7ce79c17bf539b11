import { $ } from 'zx';
import { aptInstall } from './apt.ts';
import { startDaemon } from './daemon.ts';
import { hasCommand, type Machine } from './machine.ts';
import { SetupProblem, say } from './say.ts';

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

/** What a person has to do where this script installs nothing. */
const byHand = ({ family }: Machine): readonly string[] =>
  family === 'other'
    ? [
        'Install Docker Engine 20.10 or newer with the packages of your system, or Docker Desktop; start it;',
        'check that `docker version` shows a server for the user you are. Then run this again.',
      ]
    : [
        'Let it do so as root, once:   sudo sh scripts/bootstrap.sh',
        'or by hand:                   sudo apt-get install docker.io && sudo systemctl start docker',
        'and then, to use the engine without sudo (think first: that equals root on the machine):',
        '                              sudo usermod -aG docker "$USER"    # log in again afterwards',
      ];

/** A Docker Engine that answers: installs and starts one on Debian and Ubuntu as root, else says how. */
export const ensureEngine = async (machine: Machine): Promise<void> => {
  const answer = await ask();
  if (answer.ok) return;
  if (/permission denied while trying to connect/i.test(answer.reason)) {
    throw new SetupProblem('the Docker Engine refuses this user', [
      answer.reason,
      'Run this as root, or as a user who may use the engine (think first: that equals root on the machine).',
    ]);
  }
  const elsewhere = await chosenEndpoint();
  if (elsewhere !== undefined) {
    throw new SetupProblem(`the Docker Engine that ${elsewhere} names does not answer`, [
      answer.reason,
      'Start that engine, or choose the one on this machine (unset DOCKER_HOST and DOCKER_CONTEXT,',
      '`docker context use default`). Then run this again.',
    ]);
  }
  if (!machine.installable) {
    const who = machine.family === 'other' ? machine.description : `${machine.description}, not root`;
    throw new SetupProblem(
      `no Docker Engine answers, and this script does not install one here (${who})`,
      byHand(machine),
    );
  }
  if (!(await hasCommand('dockerd'))) await aptInstall(['docker.io'], 'the Docker Engine');
  // From Debian 13 on the client is a package of its own.
  if (!(await hasCommand('docker'))) await aptInstall(['docker-cli'], 'the docker command');
  // The package may have started it already, where its policy allows that.
  if ((await ask()).ok) return;
  await (machine.systemd ? startBySystemd() : startDaemon(async () => (await ask()).ok));
};

/** What makes the docker command talk to another engine than this machine's own, if anything does. */
const chosenEndpoint = async (): Promise<string | undefined> => {
  if ((process.env.DOCKER_HOST ?? '') !== '') return 'DOCKER_HOST';
  if (!(await hasCommand('docker'))) return undefined;
  const shown = await $({ nothrow: true, quiet: true })`docker context inspect --format ${'{{.Name}}'}`;
  const name = shown.stdout.trim();
  return name === '' || name === 'default' ? undefined : `the docker context ${name}`;
};

const startBySystemd = async (): Promise<void> => {
  say('starting the Docker Engine (systemctl start docker)');
  const started = await $({ nothrow: true, quiet: true })`systemctl start docker`;
  if (started.exitCode !== 0 || !(await ask()).ok) {
    process.stderr.write(started.stdall);
    throw new SetupProblem('systemd could not start the Docker Engine', ['See: journalctl -u docker -n 50']);
  }
};
