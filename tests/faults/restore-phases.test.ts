import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { composeText, idle, lasting, lastRun, leftoversIn, writeConfig } from '../support/backups.ts';
import { docker } from '../support/containers.ts';
import { guardiansOf } from '../support/guardians.ts';
import { newestJournal } from '../support/journal.ts';
import { bookOf } from '../support/reliability/book.ts';
import type { FaultName } from '../support/reliability/kinds.ts';
import { runTool, type ScratchStack, scratchStack } from '../support/scratch.ts';
import { backupsOf } from '../support/trial.ts';
import { until } from '../support/until.ts';
import { faultAt } from './boundaries/inject/boundaries.ts';
import type { FaultKind } from './boundaries/inject/order.ts';
import { observe } from './boundaries/observe.ts';
import { recover } from './boundaries/putting-right.ts';
import type { FaultStack } from './boundaries/stack.ts';

const book = bookOf('restore-phases');

/** `app` needs `db`; `ice` uses the data of `db` and is frozen by its user. */
const services = {
  db: idle({ restart: 'always', volumes: ['one:/data'] }),
  app: idle({ restart: 'on-failure:3', depends_on: ['db'] }),
  ice: idle({ volumes: ['one:/data'] }),
};
const hook = { kind: 'sqlite', service: 'db', path: '/data/app.db', check: 'full' };

const byGuardian = 'SIGKILL of the tool' satisfies FaultKind;
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
    ['when what ran is on its way back', [], byGuardian, starting, 'restored'],
    ['when what ran is on its way back', [], byRecover, starting, 'restored'],
    ['when it begins to load dumps', ['--from-dump'], byGuardian, loading, 'rolled-back'],
    ['when a dump has taken the place of the old file', ['--from-dump'], byRecover, loaded, 'rolled-back'],
  ] as const)(
    'must have its data whole, with all that ran on it: %s',
    async (_moment, more, kind, at, wanted) => {
      const command = ['restore', 'box@latest', '--yes', '--no-verify', ...more];
      const { trace, ended } = await observe(target, command, { kind, at });
      const died = faultAt(trace);
      expect(died, ended.stdout + ended.stderr).toBeDefined();
      let backMs = 0;
      if (kind === byGuardian) {
        await until('the guardian is done', async () => (await guardiansOf(backups)).length === 0);
        backMs = Date.now() - (died ?? 0);
      } else {
        expect(await newestJournal(backups)).toMatchObject({
          phase: at === starting ? 'starting' : 'loading',
        });
        const right = await recover(target);
        expect(right.problems, right.said).toEqual([]);
        backMs = right.backMs;
      }
      const is = wanted === 'restored' ? 'old' : 'new';
      expect(await versions()).toEqual({ database: is, file: is });
      expect(await target.lasting()).toBe(target.before);
      expect(await leftoversIn(backups)).toEqual([]);
      expect(await lastRun(backups)).toMatchObject({ kind: 'restore', restore: { data: wanted }, down: [] });
      book.survived(`restore: ${kind}` satisfies FaultName, [{ backMs }]);
    },
  );
});
