import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/base/process.ts';
import { readHistory } from '../../src/catalog/history.ts';
import { journalPath, journalsPath } from '../../src/snapshot/layout.ts';
import { composeText, leftoversIn, newestManifest, unwired } from '../support/backups.ts';
import { docker } from '../support/containers.ts';
import { deadJournal, journalContainer } from '../support/journal.ts';
import { runTool, type ScratchStack, scratchStack, type ToolResult } from '../support/scratch.ts';

/** What each of them prints on standard output, when it has done its own work. */
type Printed = (stdout: string) => boolean;

const isOneDocument: Printed = (stdout) => JSON.parse(stdout) !== undefined;

/** `SNAPSHOT` and `PROJECT` stand for those that there are. */
const finishing: Readonly<Record<string, readonly [command: readonly string[], printed: Printed]>> = {
  list: [['list', '--json'], isOneDocument],
  history: [['history', '--json'], isOneDocument],
  show: [['show', 'SNAPSHOT', '--json'], isOneDocument],
  ls: [['ls', 'SNAPSHOT', 'data'], (stdout) => stdout.includes('greeting')],
  cat: [['cat', 'SNAPSHOT', 'data/greeting'], (stdout) => stdout === 'hello\n'],
  diff: [['diff', 'SNAPSHOT', 'SNAPSHOT'], (stdout) => stdout === ''],
  verify: [['verify', 'SNAPSHOT', '--json'], isOneDocument],
  plan: [['plan', 'PROJECT', '--json'], isOneDocument],
  doctor: [['doctor', '--json'], isOneDocument],
};

/** These change nothing, or cannot. */
const telling: Readonly<Record<string, readonly [readonly string[], Readonly<Record<string, string>>]>> = {
  'a dry run': [['backup', 'PROJECT', '--dry-run', '--json'], {}],
  'no engine': [['list', '--json'], { DOCKER_HOST: 'unix:///nowhere.sock' }],
};

const services = [...Object.keys(finishing), ...Object.keys(telling)].map((_, at) => `s${at}`);

/** A run of another project each, so that none of the commands waits for another one's lock. */
describe('what a run has left down that died with its guardian', () => {
  let stack: ScratchStack;
  let snapshot: string;
  let engine: string;
  const ended = new Map<string, ToolResult>();
  const all = { ...finishing, ...telling };
  const names = Object.keys(all);

  const backupsFor = (name: string): string => join(stack.folder, name.replaceAll(' ', '-'));
  const stateOf = async (name: string) =>
    (await stack.ps()).find(({ service }) => service === services[names.indexOf(name)]);

  /** A service stopped, its policy held, and a journal that says so in a backups folder of its own. */
  const leaveDead = async (name: string): Promise<void> => {
    const found = await stateOf(name);
    const container = journalContainer({
      id: found?.id ?? '',
      name: found?.name ?? '',
      restartPolicy: { name: 'always', maximumRetryCount: 0 },
      startedAt: found?.startedAt ?? '',
    });
    const backups = backupsFor(name);
    const journal = deadJournal(backups, {
      project: `${stack.project}-${names.indexOf(name)}`,
      engine: { id: engine, endpoint: '' },
      containers: [container],
      wayBack: { needs: [], awaited: [], known: [container.id], healthMs: 10_000, postStart: [] },
    });
    await mkdir(journalsPath(backups), { recursive: true });
    await writeFile(journalPath(backups, journal.id), JSON.stringify(journal));
  };

  const runOne = async (name: string): Promise<void> => {
    const command = finishing[name]?.[0] ?? telling[name]?.[0] ?? [];
    const args = command.map((word) => word.replace('SNAPSHOT', snapshot).replace('PROJECT', stack.project));
    const env = telling[name]?.[1] ?? {};
    ended.set(name, await runTool([...args, '--backups', backupsFor(name)], { cwd: stack.folder, env }));
  };

  beforeAll(async () => {
    const down = services.map((one) => [one, unwired({ restart: 'always' })] as const);
    const up = unwired({ volumes: ['data:/data'] });
    stack = await scratchStack(composeText({ up, ...Object.fromEntries(down) }, { volumes: { data: {} } }));
    await stack.up();
    await stack.compose('exec', '-T', 'up', 'sh', '-c', 'echo hello >/data/greeting');
    const master = join(stack.folder, 'master');
    const made = await runTool([stack.project, '--quiesce', 'pause', '--backups', master], {
      cwd: stack.folder,
    });
    expect(made.exitCode, made.stderr).toBe(0);
    snapshot = basename((await newestManifest(master)).folder);
    engine = await docker('info', '--format', '{{.ID}}');
    // Node's own copy keeps no nanoseconds.
    await Promise.all(names.map((name) => run(['cp', '-a', master, backupsFor(name)])));
    await Promise.all(names.map(leaveDead));
    const ids = (await stack.ps()).filter(({ service }) => service !== 'up').map(({ id }) => id);
    await docker('update', '--restart', 'no', ...ids);
    await docker('stop', ...ids);
    expect(await Promise.all(names.map(async (name) => (await stateOf(name))?.state))).toEqual(
      names.map(() => 'exited'),
    );
    // Three at a time: each of them has to get an answer from the engine soon.
    const queue = [...names];
    const work = async (): Promise<void> => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) await runOne(name);
    };
    await Promise.all([work(), work(), work()]);
  });
  afterAll(() => stack?.down());

  it.each(Object.keys(finishing))('must be brought back by whatever command comes next: %s', async (name) => {
    const { exitCode, stdout, stderr } = ended.get(name) as ToolResult;
    expect(await stateOf(name), stderr).toMatchObject({ state: 'running', restartPolicy: 'always' });
    expect(await leftoversIn(backupsFor(name))).toEqual([]);
    expect((await readHistory(backupsFor(name))).at(-1)).toMatchObject({ error: { code: 'died' }, down: [] });
    // What the machine lacks is doctor's own business.
    if (name !== 'doctor') expect(exitCode, stderr).toBe(0);
    expect(finishing[name]?.[1](stdout), stdout).toBe(true);
    expect(stderr).toContain('putting back what it left');
  });

  it.each(Object.keys(telling))(
    'must be told of, and left as it is, where it cannot be: %s',
    async (name) => {
      const { exitCode, stdout, stderr } = ended.get(name) as ToolResult;
      expect(await stateOf(name)).toMatchObject({ state: 'exited', restartPolicy: 'no' });
      expect(await leftoversIn(backupsFor(name))).toEqual([expect.stringMatching(/\.json$/)]);
      expect([exitCode, isOneDocument(stdout)], stderr).toEqual([0, true]);
      expect(stderr).toContain(`stack-backup recover --backups ${backupsFor(name)}`);
    },
  );
});
