import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { composeText, lasting, lastRun, leftoversIn, unwired, writeConfig } from '../support/backups.ts';
import { docker } from '../support/containers.ts';
import { newestJournal } from '../support/journal.ts';
import { bookOf } from '../support/reliability/book.ts';
import type { FaultName } from '../support/reliability/kinds.ts';
import { runTool, type ScratchStack, scratchStack } from '../support/scratch.ts';
import { backupsOf } from '../support/trial.ts';
import { glance } from './boundaries/glance.ts';
import { faultAt } from './boundaries/inject/boundaries.ts';
import type { FaultKind } from './boundaries/inject/order.ts';
import { observe } from './boundaries/observe.ts';
import { byGuardian, recover } from './boundaries/putting-right.ts';
import type { FaultStack } from './boundaries/stack.ts';

const book = bookOf('restore-phases');

/** `app` needs `db`; `ice` uses the data of `db` and is frozen by its user. */
const services = {
  db: unwired({ restart: 'always', volumes: ['one:/data'] }),
  app: unwired({ restart: 'on-failure:3', depends_on: ['db'] }),
  ice: unwired({ volumes: ['one:/data'] }),
};
const hook = { kind: 'sqlite', service: 'db', path: '/data/app.db', check: 'full' };

const byTheGuardian = 'SIGKILL of the tool' satisfies FaultKind;
const byRecover = 'SIGKILL of tool and guardian, then `recover`' satisfies FaultKind;

describe('a restore that is killed', () => {
  let stack: ScratchStack;
  let target: FaultStack;
  let backups: string;
  let data: string;

  /** What stands in the database, and in a file beside it. */
  const versions = async (): Promise<{ database: string; file: string }> => {
    using database = new DatabaseSync(join(data, 'app.db'), { readOnly: true });
    const row = database.prepare('SELECT version FROM t').get();
    return { database: String(row?.version), file: await readFile(join(data, 'file'), 'utf8') };
  };
  const write = (text: string): Promise<void> => {
    using database = new DatabaseSync(join(data, 'app.db'));
    database.exec('CREATE TABLE IF NOT EXISTS t (version); DELETE FROM t');
    database.prepare('INSERT INTO t VALUES (?)').run(text);
    return writeFile(join(data, 'file'), text);
  };

  beforeAll(async () => {
    stack = await scratchStack(composeText(services, { volumes: { one: {} } }));
    backups = backupsOf(stack);
    await stack.up();
    await stack.compose('pause', 'ice');
    data = await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', `${stack.project}_one`);
    await write('old');
    await writeConfig(stack.folder, { box: { project: stack.project, hooks: [hook] } });
    const ended = await runTool(['box'], { cwd: stack.folder });
    expect(ended.exitCode, ended.stderr).toBe(0);
    const all = await stack.ps();
    target = {
      stack,
      backups,
      before: JSON.stringify(lasting(all)),
      names: Object.fromEntries(all.map(({ id, service }) => [id, service])),
      lasting: async () => JSON.stringify(lasting(await stack.ps())),
      discard: () => stack.down(),
    };
  });
  afterAll(() => stack?.down());
  beforeEach(() => write('new'));

  const starting = 'after POST /containers/db/start';
  const loading = 'after naming backups/.stack-backup/runs/<run>.json loading';
  const loaded = 'after naming /var/lib/docker/volumes/one/_data/app.db';

  it.each([
    ['when what ran is on its way back', [], byTheGuardian, starting, 'restored'],
    ['when what ran is on its way back', [], byRecover, starting, 'restored'],
    ['when it begins to load dumps', ['--from-dump'], byTheGuardian, loading, 'rolled-back'],
    ['when a dump has taken the place of the old file', ['--from-dump'], byRecover, loaded, 'rolled-back'],
  ] as const)(
    'must have its data whole, with all that ran on it: %s',
    async (_moment, more, kind, at, wanted) => {
      const command = ['restore', 'box@latest', '--yes', '--no-verify', ...more];
      const before = await glance(stack.project);
      const observed = await observe(target, command, { kind, at });
      const died = faultAt(observed.trace);
      if (died === undefined) expect.fail(observed.ended.stdout + observed.ended.stderr);
      if (kind === byRecover)
        expect(await newestJournal(backups)).toMatchObject({
          phase: at === starting ? 'starting' : 'loading',
        });
      const { problems, backMs, said } = await (kind === byRecover
        ? recover(target)
        : byGuardian(target, observed, died, before));
      expect(problems, said).toEqual([]);
      const is = wanted === 'restored' ? 'old' : 'new';
      expect(await versions()).toEqual({ database: is, file: is });
      expect(await target.lasting()).toBe(target.before);
      expect(await leftoversIn(backups)).toEqual([]);
      expect(await lastRun(backups)).toMatchObject({ kind: 'restore', restore: { data: wanted }, down: [] });
      book.survived(`restore: ${kind}` satisfies FaultName, [{ backMs }]);
    },
  );
});
