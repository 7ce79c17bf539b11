import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectEngine } from '../../src/docker/dockerode.ts';
import { composeLabel } from '../../src/stack/labels.ts';
import { isSurelyThat } from '../../src/stack/model/config-hash.ts';
import { modelOf } from '../../src/stack/model.ts';
import { projectContainers } from '../../src/stack/observe.ts';
import type { StackContainer } from '../../src/stack/types.ts';
import { type ScratchStack, scratchStack } from '../support/scratch.ts';
import { instanceWith } from '../support/stack-builder.ts';

const image = 'debian:bookworm-slim';

/** All of which Compose hashes in a way of its own, or not at all. */
const services = {
  db: { image, environment: { ODD: '<&> $$ \u2028 "\\ é 🐘', EMPTY: '' }, volumes: ['data:/data'] },
  web: {
    image,
    build: { context: '.' },
    depends_on: ['db'],
    deploy: { replicas: 2, resources: { limits: { cpus: '0.50', memory: '64m' } } },
    env_file: ['web.env'],
    healthcheck: { test: ['CMD', 'true'], interval: '1m30s', retries: 3 },
    profiles: ['shop'],
    pull_policy: 'never',
    stop_grace_period: '1m',
    ulimits: { nofile: { soft: 20000, hard: 40000 } },
  },
  bare: { image, command: null, entrypoint: ['a', 'b'], labels: { '10': 'ten', '9': 'nine', a: 'b' } },
};

describe('drift between what runs and its compose files', () => {
  let stack: ScratchStack;
  let containers: readonly StackContainer[];
  const write = (changed: object): Promise<string> =>
    stack.write('compose.yaml', JSON.stringify({ services: changed, volumes: { data: {} } }));
  const seen = () => modelOf(instanceWith({ project: stack.project }), containers);
  const drifted = async () => (await seen()).warnings.map(({ message }) => message);

  beforeAll(async () => {
    stack = await scratchStack('', { env: { COMPOSE_PROFILES: '*' } });
    await stack.write('web.env', "PASSWORD='a$b'\n");
    await write(services);
    await stack.compose('create', '--pull', 'never', '--no-build');
    containers = await projectContainers(await connectEngine(), stack.project);
  });
  afterAll(() => stack?.down());

  it('must be ruled out where nothing has changed, without asking Compose twice', async () => {
    expect(containers.map(({ service }) => service)).toEqual(['bare', 'db', 'web', 'web']);
    const { model } = await seen();
    for (const { service, details } of containers)
      expect(isSurelyThat(model, service, details.labels[composeLabel.configHash]), service).toBe(true);
    expect(await drifted()).toEqual([]);
  });

  it('must be told of services that changed, and of those that are gone, and of no others', async () => {
    await stack.write('web.env', "PASSWORD='another'\n");
    const { bare: _, ...rest } = services;
    await write(rest);
    expect(await drifted()).toEqual([
      'bare runs but stands in no compose file any more',
      'web runs with another configuration than its compose file says; what runs is what is backed up',
    ]);
  });

  it('must not be told of what a container is not made anew for', async () => {
    await stack.write('web.env', "PASSWORD='a$b'\n");
    const web = { ...services.web, depends_on: [], profiles: ['other'], pull_policy: 'always' };
    const deploy = { ...web.deploy, replicas: 3 };
    await write({ ...services, web: { ...web, deploy, build: { context: './src' } } });
    expect(await drifted()).toEqual([]);
  });
});
