import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CommandHook } from '../../src/config/types.ts';
import { connectEngine } from '../../src/docker/dockerode.ts';
import type { Engine } from '../../src/docker/engine.ts';
import { checkHook, runHook } from '../../src/hooks/registry.ts';
import type { HookContext } from '../../src/hooks/types.ts';
import { processesIn, startContainer, type TestContainer } from '../support/containers.ts';
import { hookContext } from '../support/hooks.ts';
import { until } from '../support/until.ts';

let engine: Engine;
let service: TestContainer;
let folder: string;

beforeAll(async () => {
  engine = await connectEngine();
  service = await startContainer(
    engine,
    'app',
    'stack-backup-example/app',
    ['-e', 'API_TOKEN=open-sesame'],
    ['sleep', 'infinity'],
  );
});
afterAll(() => service?.[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sb-hooks-exec-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const hookFor = (command: CommandHook['command'], over: Partial<CommandHook> = {}): CommandHook => ({
  kind: 'command',
  name: 'in-app',
  phase: 'before-stop',
  timeout: 30_000,
  onFailure: 'abort',
  service: 'app',
  command,
  ...over,
});
const contextFor = async (over: Partial<HookContext> = {}): Promise<HookContext> =>
  hookContext([await service.observed()], { engine, folder, ...over });
const saved = (name: string): Promise<string> => readFile(join(folder, 'dumps/app', name), 'utf8');

describe('a command in a service', () => {
  it('gets its arguments as they are, and learns what goes on', async () => {
    const hook = hookFor(
      [
        'sh',
        '-c',
        'printf "%s|" "$@"; env | grep ^STACK_BACKUP_ | grep -v _EXEC | sort',
        'sh',
        '$HOME',
        'a b',
      ],
      {
        save: 'out.txt',
      },
    );
    const context = await contextFor({
      phase: 'finally',
      run: 'r1',
      outcome: 'complete',
      snapshot: 'core-1',
    });
    await checkHook(hook, context);
    const result = await runHook(hook, context);
    expect(await saved('out.txt')).toBe(
      '$HOME|a b|STACK_BACKUP_INSTANCE=test\nSTACK_BACKUP_OUTCOME=complete\nSTACK_BACKUP_PHASE=finally\nSTACK_BACKUP_RUN=r1\nSTACK_BACKUP_SNAPSHOT=core-1\n',
    );
    expect(result.dumps).toEqual([expect.objectContaining({ service: 'app', path: 'dumps/app/out.txt' })]);
  });

  it('is run by the container’s shell when it is a string', async () => {
    await runHook(hookFor('echo $((6 * 7)) | tr 4 5', { save: 'sum' }), await contextFor());
    expect(await saved('sum')).toBe('52\n');
  });

  it('runs as its user, in its folder', async () => {
    await runHook(
      hookFor('id -u; pwd', { user: '65534', workingDir: '/tmp', save: 'who' }),
      await contextFor(),
    );
    expect(await saved('who')).toBe('65534\n/tmp\n');
  });

  it('saves every byte it writes', async () => {
    const hook = hookFor(['head', '-c', '50000000', '/dev/zero'], { save: 'zeros' });
    const { dumps } = await runHook(hook, await contextFor());
    expect(dumps[0]?.bytes).toBe(50_000_000);
  });

  it('fails with its last words, masked and printable, and saves nothing', async () => {
    const hook = hookFor(
      'head -c 200000 /dev/urandom >&2; printf "\\n\\033[31mlast words $API_TOKEN\\n" >&2; echo half; exit 9',
      {
        save: 'half',
      },
    );
    const error = await runHook(hook, await contextFor()).then(
      () => expect.fail('did not fail'),
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ code: 'hook-failed', details: { exitCode: 9, hook: 'in-app' } });
    expect(error.message).toMatch(/^hook in-app: the command failed: sh ended with exit code 9: /);
    expect(error.message).toMatch(/\uFFFD\[31mlast words \*\*\*$/);
    expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(error.message.length).toBeLessThan(2500);
    expect(await readdir(join(folder, 'dumps/app'))).toEqual([]);
  });
});

describe('a command that is not there', () => {
  it('is found missing before anything is touched', async () => {
    await expect(checkHook(hookFor(['no-such-program', 'x']), await contextFor())).rejects.toMatchObject({
      code: 'hook-failed',
      message: 'hook in-app: no-such-program was not found in service app',
    });
    await checkHook(hookFor(['/bin/true']), await contextFor());
  });

  it('is explained when it is run all the same', async () => {
    for (const [command, exitCode] of [
      [['no-such-program'], /exit 12[67]/],
      [['/etc/passwd'], /not executable \(exit 126\)/],
      ['no-such-program', /sh was not found|no-such-program/],
    ] as const) {
      const running = runHook(hookFor(command), await contextFor());
      await expect(running).rejects.toMatchObject({
        code: 'hook-failed',
        message: expect.stringMatching(exitCode),
      });
    }
  });
});

describe('a command that hangs', () => {
  it('is ended in the container with its children, even when it ignores the polite way', async () => {
    for (const text of [
      'sleep 4711 & sleep 4711',
      'trap "" TERM; sleep 4711 & while :; do sleep 4711; done',
    ]) {
      const hook = hookFor(text, { timeout: 3_000, save: 'out' });
      const running = expect(runHook(hook, await contextFor())).rejects.toMatchObject({
        code: 'timeout',
        message: 'hook in-app did not end within 3.0 s and was ended',
      });
      await until('it sleeps', async () => (await processesIn(service.id)).includes('sleep 4711'));
      await running;
      expect(await processesIn(service.id)).not.toContain('4711');
      expect(await readdir(join(folder, 'dumps/app'))).toEqual([]);
    }
  });

  it('is ended when the run is interrupted', async () => {
    const interrupt = new AbortController();
    const running = expect(
      runHook(hookFor(['sleep', '4712']), await contextFor({ signal: interrupt.signal })),
    ).rejects.toMatchObject({ code: 'interrupted', message: 'hook in-app was interrupted' });
    await until('it sleeps', async () => (await processesIn(service.id)).includes('sleep 4712'));
    interrupt.abort();
    await running;
    expect(await processesIn(service.id)).not.toContain('4712');
  });
});
