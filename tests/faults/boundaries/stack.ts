import { join } from 'node:path';
import { containerIds } from '../../support/ask-engine.ts';
import { lasting } from '../../support/backups.ts';
import { docker } from '../../support/containers.ts';
import { pidsWhere } from '../../support/processes.ts';
import { type ScratchStack, scratchStack, states } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';

/**
 * `db` (always restarted, healthy) ← `app` (starts when db is healthy; its volume lies behind a mount option,
 * so that it is read through the engine) · `frozen` is frozen for the copy · `idle` was frozen and `off`
 * stopped by their user. All end at once when they are told to.
 */
const yaml = (folder: string, probes: string): string => `
x-service: &service
  image: debian:bookworm-slim
  init: true
  command: [sleep, infinity]
  network_mode: host # to set one up takes as long as the rest of a start
services:
  db:
    <<: *service
    restart: always
    volumes: [db:/data]
    healthcheck: { test: [CMD, test, -e, /data], interval: ${probes}, timeout: 10s, retries: 20 }
  app:
    <<: *service
    restart: on-failure:3
    depends_on: { db: { condition: service_healthy } }
    volumes: [far:/data]
  frozen:
    <<: *service
    restart: unless-stopped
    volumes: [db:/data]
  idle:
    <<: *service
  off:
    <<: *service
volumes:
  db: {}
  far: { driver_opts: { type: none, o: bind, device: ${folder}/far } }
`;

const hook = (phase: string): object => ({
  kind: 'command',
  host: true,
  name: phase,
  phase,
  command: ['true'],
});

const configOf = (project: string): string =>
  JSON.stringify({
    backups: './backups',
    timezone: 'UTC',
    instances: {
      box: {
        project,
        services: { frozen: { quiesce: 'pause' } },
        hooks: ['before-stop', 'while-stopped', 'after-start', 'finally'].map(hook),
      },
    },
  });

export interface FaultStack {
  readonly stack: ScratchStack;
  readonly backups: string;
  /** What the containers must be like again after each fault. */
  readonly before: string;
  /** Container ids and the names for them. */
  readonly names: Readonly<Record<string, string>>;
  lasting(): Promise<string>;
  /** Removes it, with helper containers that a lost run has left at its volumes. */
  discard(): Promise<void>;
}

const lastingOf = async (project: string): Promise<string> =>
  JSON.stringify(lasting(await states(project)), null, 1);

/**
 * A stack of its own, at work, with everything a backup can find: states, policies, both ways to copy. Between two
 * probes of its health lies what a start waits for; each takes some of the processor, also when nobody waits.
 */
export const faultStack = async (probes = '700ms'): Promise<FaultStack> => {
  const stack = await scratchStack('', { files: { 'far/file': 'far\n' } });
  const { project, folder } = stack;
  await stack.write('compose.yaml', yaml(folder, probes));
  await stack.write('backup.config.yaml', configOf(project));
  await stack.up();
  await stack.compose('exec', '-T', 'db', 'sh', '-c', 'echo near >/data/file');
  await stack.compose('stop', 'off');
  await stack.compose('pause', 'idle');
  await until('db is healthy', async () => (await stack.ps()).some((one) => one.health === 'healthy'));
  const all = await states(project);
  return {
    stack,
    backups: join(folder, 'backups'),
    before: await lastingOf(project),
    names: Object.fromEntries(all.map(({ id, service }) => [id, service])),
    lasting: () => lastingOf(project),
    discard: async () => {
      const helpers = await containerIds({ volume: `${project}_far` });
      if (helpers.length > 0) await docker('rm', '-f', ...helpers);
      await stack.down();
    },
  };
};

/** Processes on this host that carry the id of a run: what it started. */
export const childrenOf = (run: string): readonly number[] =>
  pidsWhere('environ', (text) => text.split('\0').includes(`STACK_BACKUP_RUN=${run}`));
