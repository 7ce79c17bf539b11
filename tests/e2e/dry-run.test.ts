import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTool, type ScratchStack, scratchStack } from '../support/scratch.ts';

let stack: ScratchStack;

beforeAll(async () => {
  stack = await scratchStack(`\
services:
  one:
    image: debian:bookworm-slim
    command: [sleep, infinity]
    init: true
    volumes: [data:/data]
volumes:
  data:
`);
  await stack.up();
});

afterAll(() => stack?.down());

interface Shown {
  readonly stopWaves: readonly (readonly { readonly action: string }[])[];
  readonly copies: readonly unknown[];
}

const shown = async (...args: readonly string[]): Promise<Shown> => {
  const { stdout, stderr, exitCode } = await runTool([...args, stack.project, '--json'], {
    cwd: stack.folder,
  });
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout) as Shown;
};

const actions = ({ stopWaves }: Shown): readonly string[] => stopWaves.flat().map(({ action }) => action);

describe.each([
  ['plan', ['plan']],
  ['backup --dry-run', ['backup', '--dry-run']],
])('%s', (_name, command) => {
  it('must show what a backup with the same flags would do, and do nothing', async () => {
    expect(actions(await shown(...command))).toEqual(['stop']);
    expect(actions(await shown(...command, '--quiesce', 'pause'))).toEqual(['pause']);
    const none = await shown(...command, '--quiesce', 'none');
    expect([actions(none), none.copies]).toEqual([[], []]);
    expect(await readdir(stack.folder)).toEqual(['compose.yaml']);
    expect((await stack.ps()).map(({ state }) => state)).toEqual(['running']);
  });
});

describe('list', () => {
  it('must say where it found nothing', async () => {
    const { stdout, exitCode } = await runTool(['list', 'shop'], { cwd: stack.folder });
    expect([exitCode, stdout]).toEqual([
      0,
      `No snapshots of shop in ${join(stack.folder, 'backups')} yet.\n`,
    ]);
  });
});
