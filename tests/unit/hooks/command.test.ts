import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandHook } from '../../../src/config/types.ts';
import { checkHook, containerOf, runHook } from '../../../src/hooks/registry.ts';
import type { HookContext } from '../../../src/hooks/types.ts';
import type { Stack } from '../../../src/stack/types.ts';
import { hookContext, stackContainer } from '../../support/hooks.ts';
import { until } from '../../support/until.ts';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'sb-hooks-command-'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const hookFor = (command: CommandHook['command'], over: Partial<CommandHook> = {}): CommandHook => ({
  kind: 'command',
  name: 'flush',
  phase: 'before-stop',
  timeout: 20_000,
  onFailure: 'abort',
  command,
  ...over,
});

const contextFor = (over: Partial<HookContext> = {}): HookContext =>
  hookContext([stackContainer('app')], { folder: base, ...over });

const script = async (name: string, text: string): Promise<string> => {
  const path = join(base, name);
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
};

const dumps = (): Promise<string[]> => readdir(join(base, 'dumps/host')).catch(() => []);

/** A zombie has ended; whether somebody collects it is the affair of the machine's init. */
const isAlive = async (pid: number): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && !/\) [ZX] /.test(stat);
};

describe('a command on the host', () => {
  it('runs in its folder, with arguments as they are, and learns what goes on', async () => {
    const path = await script(
      'tell',
      'pwd; printf "%s\\n" "$@"; env | grep ^STACK_BACKUP_ | grep -v _EXEC | sort',
    );
    const hook = hookFor([path, '$HOME; rm -rf', '*'], { workingDir: base, save: 'told.txt' });
    const context = contextFor({ phase: 'finally', run: 'r1', outcome: 'failed', snapshot: 'core-1' });
    await checkHook(hook, context);
    const result = await runHook(hook, context);
    expect(await readFile(join(base, 'dumps/host/told.txt'), 'utf8')).toBe(
      [
        base,
        '$HOME; rm -rf',
        '*',
        'STACK_BACKUP_INSTANCE=test',
        'STACK_BACKUP_OUTCOME=failed',
        'STACK_BACKUP_PHASE=finally',
        'STACK_BACKUP_RUN=r1',
        'STACK_BACKUP_SNAPSHOT=core-1\n',
      ].join('\n'),
    );
    expect(result.dumps).toEqual([
      expect.objectContaining({ hook: 'flush', service: 'host', path: 'dumps/host/told.txt' }),
    ]);
  });

  it('fails with its exit code and its last words, without secrets of the environment', async () => {
    process.env.SB_TEST_TOKEN = 'open-sesame';
    try {
      const path = await script(
        'fail',
        'echo "the token is $SB_TEST_TOKEN" >&2; printf "\\033[2Jbye\\n" >&2; exit 3',
      );
      await expect(runHook(hookFor([path]), contextFor())).rejects.toMatchObject({
        code: 'hook-failed',
        message: `hook flush: the command failed: ${path} ended with exit code 3: the token is *** | \uFFFD[2Jbye`,
        details: { exitCode: 3, hook: 'flush' },
      });
    } finally {
      delete process.env.SB_TEST_TOKEN;
    }
  });

  it('saves nothing when it fails', async () => {
    const path = await script('half', 'echo half; exit 1');
    await expect(runHook(hookFor([path], { save: 'out.txt' }), contextFor())).rejects.toThrow('exit code 1');
    expect(await dumps()).toEqual([]);
  });

  it('may write more than anybody keeps', async () => {
    const path = await script('much', 'head -c 30000000 /dev/zero; echo end');
    expect((await runHook(hookFor([path]), contextFor())).summary).toBe('exit 0, 1 line of output');
    const saved = await runHook(hookFor([path], { save: 'much' }), contextFor());
    expect(saved.dumps[0]?.bytes).toBe(30_000_004);
  });

  it('is explained when it cannot be found or run', async () => {
    const text = join(base, 'text');
    await writeFile(text, 'no program');
    for (const program of ['no-such-program-here', join(base, 'gone'), text]) {
      const hook = hookFor([program]);
      await expect(checkHook(hook, contextFor())).rejects.toMatchObject({
        code: 'hook-failed',
        message: `hook flush: ${program} was not found on the host`,
      });
      await expect(runHook(hook, contextFor())).rejects.toMatchObject({ code: 'tool-missing' });
    }
  });

  it('is a list, not empty, without a user, in a folder that exists', async () => {
    const refused = [
      hookFor('echo hi'),
      hookFor([]),
      hookFor(['']),
      hookFor(['true'], { user: 'postgres' }),
      hookFor(['true'], { workingDir: join(base, 'gone') }),
    ];
    for (const hook of refused)
      await expect(checkHook(hook, contextFor())).rejects.toMatchObject({ code: 'config-invalid' });
  });
});

describe('time and interruption', () => {
  it('ends a hanging command with its children and says after how long', async () => {
    const path = await script('hang', 'sleep 600 & echo $! >"$0.pid"; wait');
    const hook = hookFor([path], { timeout: 2_000, save: 'out' });
    await expect(runHook(hook, contextFor())).rejects.toMatchObject({
      code: 'timeout',
      message: 'hook flush did not end within 2.0 s and was ended',
      details: { hook: 'flush', timeoutMs: 2_000 },
    });
    const child = Number(await readFile(`${path}.pid`, 'utf8'));
    await until('the child has ended', async () => !(await isAlive(child)), 30_000);
    expect(await dumps()).toEqual([]);
  });

  it('lets a command have a timeout longer than any timer', async () => {
    await runHook(hookFor(['true'], { timeout: 365 * 86_400_000 }), contextFor());
  });

  it('tells the reason of an interruption, before and during the work', async () => {
    const path = await script('hang', 'touch "$0.began"; sleep 600');
    const run = new AbortController();
    const running = runHook(hookFor([path]), contextFor({ signal: run.signal }));
    const ended = expect(running).rejects.toMatchObject({
      code: 'interrupted',
      message: 'hook flush was interrupted',
    });
    while (!(await readdir(base)).includes('hang.began')) await new Promise(setImmediate);
    run.abort();
    await ended;
    await expect(runHook(hookFor([path]), contextFor({ signal: run.signal }))).rejects.toMatchObject({
      code: 'interrupted',
    });
  });
});

describe('the service of a hook', () => {
  it('is refused when it has no container, does not run, or will be down', async () => {
    const inService = (service: string) => hookFor(['true'], { service });
    await expect(checkHook(inService('nope'), contextFor())).rejects.toMatchObject({
      message: 'hook flush: service nope has no container in project test',
      next: expect.stringContaining('app'),
    });
    const down = hookContext([stackContainer('app', { state: 'exited' })]);
    await expect(checkHook(inService('app'), down)).rejects.toThrow('service app is exited, not running');
    const later = contextFor({ phase: 'while-stopped', quiesce: 'stop' });
    await expect(checkHook(inService('app'), later)).rejects.toThrow('while that service is stopped');
  });

  it('is its running container of the lowest number', () => {
    const containers = [
      stackContainer('app', { state: 'exited' }, 1),
      stackContainer('app', {}, 3),
      stackContainer('app', {}, 2),
      stackContainer('db', {}, 1),
    ];
    const stack = { project: 'test', containers } as unknown as Stack;
    const service = (name: string) => containerOf(hookFor(['true'], { service: name }), stack)?.id;
    expect(service('app')).toBe('app-2');
    expect(service('nope')).toBeUndefined();
  });
});
