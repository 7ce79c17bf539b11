import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { run } from '../../src/base/process.ts';
import { type ComposeProgram, composeProgram } from '../../src/docker/compose/program.ts';

/** When the dependencies were installed last. */
const installed = (): number | undefined =>
  statSync('node_modules/.stack-backup-lockfile', { throwIfNoEntry: false })?.mtimeMs;

const setUp = (args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) => {
  const { stdout, stderr, status } = spawnSync('sh', ['scripts/bootstrap.sh', ...args], {
    encoding: 'utf8',
    timeout: 100_000,
    // Not under its lock: another checkout may be set up at this moment.
    env: { ...process.env, STACK_BACKUP_SETUP_LOCKED: '1', ...env },
  });
  return { said: stdout + stderr, code: status };
};

describe('the set-up', () => {
  it('must say nothing, and install nothing, where everything is there', () => {
    const before = installed();
    expect(setUp()).toEqual({ said: '', code: 0 });
    expect(installed()).toBe(before);
  });

  it('must start no engine beside one that was chosen and does not answer, and say what to do', () => {
    const { said, code } = setUp(['engine'], { DOCKER_HOST: 'unix:///nowhere.sock', DOCKER_CONTEXT: '' });
    expect(code, said).toBe(1);
    expect(said).toContain('the Docker Engine that DOCKER_HOST names does not answer');
    expect(said).toContain('unset DOCKER_HOST');
  });

  it('must bring a Compose that says the same whether the docker CLI starts it or we do', async () => {
    const asked = async ({ command, env }: ComposeProgram, file: string, args: readonly string[]) => {
      const files = ['--file', file, '--env-file', 'env/local/core.env'];
      const whose = [...command, '--project-name', 'any', ...files, '--profile', '*', 'config'];
      const { exitCode, stdout, stderr } = await run([...whose, ...args], { env });
      return { exitCode, stdout: stdout.toString().split('\n').sort(), stderr };
    };
    const through: ComposeProgram = { command: ['docker', 'compose'], env: {} };
    const ours = await composeProgram();
    const same = async (file: string, ...args: readonly string[]): Promise<number> => {
      const said = await asked(ours, file, args);
      expect(said).toEqual(await asked(through, file, args));
      return said.exitCode;
    };
    expect(await same('examples/core/compose.yaml', '--format', 'json')).toBe(0);
    expect(await same('examples/core/compose.yaml', '--hash', '*')).toBe(0);
    expect(await same('not-there.yaml')).not.toBe(0);
  });
});
