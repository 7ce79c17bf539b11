import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readHistory } from '../../src/catalog/history.ts';
import {
  composeText,
  hostHook,
  idle,
  lasting,
  leftoversIn,
  unwired,
  writeConfig,
} from '../support/backups.ts';
import { newestJournal } from '../support/journal.ts';
import { bookOf } from '../support/reliability/book.ts';
import { runTool, type ScratchStack, scratchStack } from '../support/scratch.ts';
import { backupsOf } from '../support/trial.ts';
import { glance } from './boundaries/glance.ts';
import { faultAt } from './boundaries/inject/boundaries.ts';
import type { FaultKind } from './boundaries/inject/order.ts';
import { observe } from './boundaries/observe.ts';
import { byGuardian, recover } from './boundaries/putting-right.ts';
import type { FaultStack } from './boundaries/stack.ts';

const book = bookOf('way-back');

/** `app` needs `db`. `ice` was frozen by its user, and has to be stopped with `app`, whose network it shares. */
const services = {
  db: unwired({ restart: 'always', volumes: ['data:/data'] }),
  app: idle({ restart: 'unless-stopped', depends_on: ['db'] }),
  ice: idle({ network_mode: 'service:app' }),
};

/** Asked before db is stopped, when the others are down. */
const failingStop = {
  checks: [{ name: 'never', service: 'db', command: ['false'], on_failure: 'abort' }],
};
const failingWork = { hooks: [hostHook('never', ['false'])] };

describe('a run that fails and is killed on its way back', () => {
  let stack: ScratchStack;
  let target: FaultStack;
  let backups: string;

  const stateOf = async (service: string) => (await stack.ps()).find((one) => one.service === service)?.state;

  beforeAll(async () => {
    stack = await scratchStack(composeText(services, { volumes: { data: {} } }));
    backups = backupsOf(stack);
    await stack.up();
    const before = lasting(await stack.ps());
    target = {
      stack,
      backups,
      before: JSON.stringify(before),
      names: Object.fromEntries((await stack.ps()).map(({ id, service }) => [id, service])),
      lasting: async () => JSON.stringify(lasting(await stack.ps())),
      discard: () => stack.down(),
    };
  });
  afterAll(() => stack?.down());
  beforeEach(async () => {
    await stack.compose('pause', 'ice');
  });

  it.each([
    ['in the stop', failingStop, 'stopping', 'SIGKILL of tool and guardian, then `recover`'],
    ['in its work', failingWork, 'while-stopped', 'SIGKILL of the tool'],
  ] as const)(
    'must have what was frozen before frozen again, and nothing left: failed %s',
    async (_where, settings, phase, kind: FaultKind) => {
      const before = lasting(await stack.ps());
      const known = (await readHistory(backups)).length;
      await writeConfig(stack.folder, { it: { project: stack.project, ...settings } });
      // It runs, and is to be frozen next.
      const fault = { kind, at: 'after POST /containers/ice/start' };
      const wanted = await glance(stack.project);
      const observed = await observe(target, ['it'], fault);
      const died = faultAt(observed.trace);
      if (died === undefined) expect.fail(observed.ended.stdout + observed.ended.stderr);
      if (kind !== 'SIGKILL of the tool') {
        expect(await stateOf('ice')).toBe('running');
        expect(await newestJournal(backups)).toMatchObject({ phase, returning: true });
      }
      const { problems, backMs, said } = await (kind === 'SIGKILL of the tool'
        ? byGuardian(target, observed, died, wanted)
        : recover(target));
      expect(problems, said).toEqual([]);
      expect(lasting(await stack.ps())).toEqual(before);
      expect(await leftoversIn(backups)).toEqual([]);
      const [line, ...more] = (await readHistory(backups)).slice(known);
      expect(more).toEqual([]);
      expect(line).toMatchObject({ outcome: 'failed', error: { code: 'died' }, down: [] });
      expect(await runTool(['recover'], { cwd: stack.folder })).toMatchObject({
        exitCode: 0,
        stdout: 'nothing to recover\n',
      });
      await stack.compose('unpause', 'ice');
      book.survived('SIGKILL on the way back of a run that failed', [{ backMs }]);
    },
  );
});
