import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { composeText, hostHook, lasting, writeConfig } from '../support/backups.ts';
import { bookOf } from '../support/reliability/book.ts';
import { type ScratchStack, scratchStack, spawnTool } from '../support/scratch.ts';
import { backUpWith, isAtWork, type Trial } from '../support/trial.ts';
import { until } from '../support/until.ts';

const book = bookOf('hooks');

/** One service that ends at once, always restarted. */
const smallStack = async (): Promise<ScratchStack> => {
  const stack = await scratchStack(
    composeText(
      {
        db: {
          image: 'debian:bookworm-slim',
          command: ['sleep', 'infinity'],
          init: true,
          network_mode: 'host',
          restart: 'always',
          volumes: ['data:/data', './told:/told'],
        },
      },
      { volumes: { data: {} } },
    ),
    { files: { 'told/.keep': '' } },
  );
  await stack.up();
  return stack;
};

/** Hears no TERM, nor does its child, which is in a session of its own and holds the output open. */
const stubborn = (folder: string): readonly string[] => [
  'sh',
  '-c',
  `trap '' TERM; setsid sh -c 'trap "" TERM; echo $$ >"$1/child"; while :; do sleep 1; done' sh "$1" &
   echo $$ >"$1/hook"; while :; do sleep 1; done`,
  'sh',
  folder,
];

/** Ends well at once; what it has started goes on. */
const leaving = (folder: string): readonly string[] => [
  'sh',
  '-c',
  `setsid sh -c 'echo $$ >"$1/child"; exec sleep 600' sh "$1" & until test -s "$1/child"; do :; done; echo done`,
  'sh',
  folder,
];

const inService = (name: string, command: readonly string[], more: object): object => ({
  kind: 'command',
  service: 'db',
  name,
  phase: 'before-stop',
  command,
  ...more,
});

const pidIn = async (stack: ScratchStack, name: string): Promise<number> =>
  Number(await readFile(join(stack.folder, 'told', name), 'utf8'));

const told = (stack: ScratchStack): string => join(stack.folder, 'told');

const expectAsBefore = (trial: Trial): void => {
  expect(lasting(trial.after)).toEqual(lasting(trial.before));
  expect(trial.left).toEqual([]);
};

describe.concurrent('a hook that does not end', () => {
  it('must not hold the stack down on the host, deaf to TERM, nor must its children', async () => {
    await using stack = await smallStack();
    const hooks = [hostHook('deaf', stubborn(told(stack)), { timeout: '1s' })];
    const trial = await backUpWith(stack, { hooks });
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(1);
    expect(trial.record).toMatchObject({ outcome: 'failed', error: { code: 'timeout' } });
    expect(trial.record.error?.message).toBe('hook deaf did not end within 1.0 s and was ended');
    expectAsBefore(trial);
    expect(trial.made).toEqual([]);
    expect(trial.record.downtimeMs).toBeLessThan(60_000); // its child would sleep for ever
    for (const name of ['hook', 'child']) expect(await isAtWork(await pidIn(stack, name))).toBe(false);
    expect((await backUpWith(stack, {})).ended.exitCode).toBe(0);
    book.survived('hook deaf to TERM', [{ backMs: trial.record.downtimeMs }]);
  });

  it('must be ended in a container, with what it has started there', async () => {
    await using stack = await smallStack();
    const trial = await backUpWith(stack, {
      hooks: [inService('deaf', stubborn('/told'), { timeout: '1s' })],
    });
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(1);
    expect(trial.record.error?.message).toBe('hook deaf did not end within 1.0 s and was ended');
    expectAsBefore(trial);
    expect(trial.after).toEqual(trial.before); // nothing had been stopped
    const inside = await stack.compose('exec', '-T', 'db', 'sh', '-c', 'cat /proc/[0-9]*/cmdline');
    expect(inside).not.toContain('trap');
    expect((await backUpWith(stack, {})).ended.exitCode).toBe(0);
    book.survived('hook deaf to TERM', [{}]);
  });

  it('must not keep an interrupted run from bringing the services back', async () => {
    await using stack = await smallStack();
    const before = lasting(await stack.ps());
    await writeConfig(stack.folder, {
      it: { project: stack.project, hooks: [hostHook('deaf', stubborn(told(stack)))] },
    });
    await using tool = spawnTool(['it'], { cwd: stack.folder });
    for (const name of ['hook', 'child'])
      await until('it is deaf', async () => (await pidIn(stack, name).catch(() => 0)) > 0);
    const from = Date.now();
    tool.kill('SIGTERM');
    expect((await tool.ended).exitCode).toBe(143);
    const backMs = Date.now() - from;
    expect(lasting(await stack.ps())).toEqual(before);
    for (const name of ['hook', 'child']) expect(await isAtWork(await pidIn(stack, name))).toBe(false);
    book.survived('hook deaf to TERM', [{ backMs }]);
  });
});

describe.concurrent('a hook that leaves a process behind', () => {
  it('must be over when it has ended, on the host', async () => {
    await using stack = await smallStack();
    const trial = await backUpWith(stack, { hooks: [hostHook('leaving', leaving(told(stack)))] });
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(0);
    expectAsBefore(trial);
    expect(trial.record.downtimeMs).toBeLessThan(60_000); // its child sleeps for ten minutes
    const child = await pidIn(stack, 'child');
    expect(await isAtWork(child)).toBe(true); // it was the user's wish
    process.kill(child, 'SIGKILL');
    book.survived('hook leaves a process with its output open', [{}]);
  });

  it('must not pass for a whole dump when that process could still write to it', async () => {
    await using stack = await smallStack();
    const hooks = [hostHook('leaving', leaving(told(stack)), { save: 'half' })];
    const trial = await backUpWith(stack, { hooks });
    process.kill(await pidIn(stack, 'child'), 'SIGKILL');
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(1);
    expect(trial.record).toMatchObject({ outcome: 'failed', error: { code: 'hook-failed' } });
    expect(trial.record.error?.message).toContain('a process that it left behind holds its output open');
    expectAsBefore(trial);
    expect(trial.made).toEqual([]);
    book.survived('hook leaves a process with its output open', [{}]);
  });

  it('must be over when it has ended, in a container', async () => {
    await using stack = await smallStack();
    const trial = await backUpWith(stack, { hooks: [inService('leaving', leaving('/told'), {})] });
    expect(trial.ended.exitCode, trial.ended.stderr).toBe(0);
    expectAsBefore(trial);
    book.survived('hook leaves a process with its output open', [{}]);
  });
});
