import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHistory } from '../../src/catalog/history.ts';
import { composeText, lasting, leftoversIn, snapshotsIn, writeConfig } from '../support/backups.ts';
import { bookOf } from '../support/reliability/book.ts';
import { runTool, type ScratchStack, scratchStack, watchEvents } from '../support/scratch.ts';
import { backUpWith, backupsOf, meddleWith } from '../support/trial.ts';

const book = bookOf('races');

const service = {
  image: 'debian:bookworm-slim',
  command: ['sleep', 'infinity'],
  init: true,
  network_mode: 'host',
};

const smallStack = async (): Promise<ScratchStack> => {
  const stack = await scratchStack(
    composeText(
      {
        db: { ...service, restart: 'always', volumes: ['data:/data'] },
        app: { ...service, depends_on: ['db'] },
      },
      { volumes: { data: {} } },
    ),
  );
  await stack.up();
  return stack;
};

describe('runs that are started at the same moment', () => {
  const stacks: ScratchStack[] = [];

  beforeAll(async () => {
    stacks.push(...(await Promise.all([smallStack(), smallStack()])));
  });
  afterAll(() => Promise.all(stacks.map((stack) => stack.down())));

  it('must be one for each project: the others say who it is, and nothing is done twice', async () => {
    const [stack] = stacks as [ScratchStack];
    const backups = backupsOf(stack);
    await writeConfig(stack.folder, { it: { project: stack.project } });
    const before = lasting(await stack.ps());
    await using events = await watchEvents(stack.project);
    const started = Array.from({ length: 4 }, () => runTool(['it'], { cwd: stack.folder }));
    const ended = await Promise.all(started);
    expect(ended.map(({ exitCode }) => exitCode).sort(), ended.map(({ stderr }) => stderr).join('')).toEqual([
      0, 5, 5, 5,
    ]);
    for (const { exitCode, stderr } of ended)
      if (exitCode === 5) expect(stderr).toMatch(/in the hands of another run: pid \d+, since .*Z/);
    expect(lasting(await stack.ps())).toEqual(before);
    const made = await snapshotsIn(backups);
    expect(made).toHaveLength(1);
    expect((await readHistory(backups)).map(({ path }) => path)).toEqual(made);
    expect(await leftoversIn(backups)).toEqual([]);
    const seen = await events.end();
    for (const action of ['stop', 'start'])
      expect(
        seen
          .filter((one) => one.action === action)
          .map(({ service: name }) => name)
          .sort(),
      ).toEqual(['app', 'db']);
    book.survived('run started four times at once', [{}]);
  });

  it('must not be in the way of those of other projects, in the same backups folder', async () => {
    const [one, two] = stacks as [ScratchStack, ScratchStack];
    const backups = backupsOf(one);
    const earlier = await snapshotsIn(backups);
    await writeConfig(one.folder, { it: { project: one.project }, other: { project: two.project } });
    const before = await Promise.all(stacks.map(async (stack) => lasting(await stack.ps())));
    const ended = await Promise.all(['it', 'other'].map((name) => runTool([name], { cwd: one.folder })));
    expect(
      ended.map(({ exitCode }) => exitCode),
      ended.map(({ stderr }) => stderr).join(''),
    ).toEqual([0, 0]);
    expect(await Promise.all(stacks.map(async (stack) => lasting(await stack.ps())))).toEqual(before);
    const made = (await snapshotsIn(backups)).filter((path) => !earlier.includes(path));
    expect(made.map((path) => basename(path).split('-')[0])).toEqual(['it', 'other']);
    const lines = (await readHistory(backups)).slice(-2);
    expect(lines.map(({ path }) => path).sort()).toEqual(made);
    expect(await leftoversIn(backups)).toEqual([]);
    book.survived('runs of two projects at once, in one backups folder', [{}]);
  });
});

describe.concurrent('a stack that somebody else changes as a whole during the copy', () => {
  it.for([
    ['restarted', (stack: ScratchStack) => stack.compose('restart', '--timeout', '0')],
    ['taken down and brought up', (stack: ScratchStack) => stack.compose('down').then(() => stack.up())],
    ['recreated', (stack: ScratchStack) => stack.up('--force-recreate')],
  ] as const)(
    'must be left as that one wanted it, and the copy not be trusted: %s',
    async ([, meddle], { expect }) => {
      await using stack = await smallStack();
      let wanted: unknown;
      const trial = await meddleWith(stack, {}, async () => {
        await meddle(stack);
        wanted = (await stack.ps()).map(({ id, state }) => ({ id, state }));
      });
      expect(trial.ended.exitCode, trial.ended.stderr).toBe(1);
      expect(trial.record).toMatchObject({ outcome: 'failed', error: { code: 'stack-changed' }, down: [] });
      expect({ made: trial.made, left: trial.left }).toEqual({ made: [], left: [] });
      expect(trial.after.map(({ id, state }) => ({ id, state }))).toEqual(wanted);
      expect(trial.after.map(({ restartPolicy }) => restartPolicy)).toEqual(['no', 'always']);
      expect((await backUpWith(stack, {})).ended.exitCode).toBe(0);
      book.survived('stack restarted, recreated, taken down and up during the copy', [{}]);
    },
  );
});
