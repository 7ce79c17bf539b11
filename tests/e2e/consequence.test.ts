import { afterAll, beforeAll, expect, it } from 'vitest';
import { runTool, type ScratchStack, scratchStack } from '../support/scratch.ts';
import { until } from '../support/until.ts';

/**
 * Nothing says that `client` needs `db`, but it ends when `db` is gone; `slow` needs `client` and takes its
 * time to stop, so that `db` is down while `client` still waits for its turn.
 */
const yaml = `
x-service: &service
  image: debian:bookworm-slim
  volumes: [shared:/shared]
services:
  db:
    <<: *service
    command: [sh, -c, 'trap "rm /shared/up; exit 0" TERM; touch /shared/up; while :; do sleep 0.1; done']
  client:
    <<: *service
    command: [sh, -c, 'until [ -e /shared/up ]; do sleep 0.1; done; while [ -e /shared/up ]; do sleep 0.1; done; exit 1']
  slow:
    <<: *service
    depends_on: [client]
    command: [sh, -c, 'trap "sleep 2; exit 0" TERM; while :; do sleep 0.1; done']
volumes: { shared: {} }
`;

let stack: ScratchStack;
beforeAll(async () => {
  stack = await scratchStack(yaml);
  await stack.up();
  await until('db is up', async () => (await stack.compose('exec', '-T', 'db', 'ls', '/shared')) === 'up');
});
afterAll(() => stack?.down());

it('must bring back what ended only because the run had stopped something it lives on', async () => {
  const ended = await runTool([stack.project, '--backups', `${stack.folder}/backups`], { cwd: stack.folder });
  expect(ended.exitCode, ended.stderr).toBe(0);
  const now = await stack.ps();
  expect(now.map(({ service, state }) => `${service} ${state}`)).toEqual([
    'client running',
    'db running',
    'slow running',
  ]);
});
