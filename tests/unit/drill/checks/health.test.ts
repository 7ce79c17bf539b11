import { describe, expect, it } from 'vitest';
import type { ContainerDetails } from '../../../../src/docker/engine.ts';
import { stillThere } from '../../../../src/drill/checks/health.ts';
import type { Drill } from '../../../../src/drill/task.ts';
import { containerFrom } from '../../../support/stack-builder.ts';

const label = { 'com.docker.compose.service': 'app' };

/** A drill whose one container is as `look` says, each time it is asked. */
const drillWith = (healthBefore: string, look: () => Partial<ContainerDetails>): Drill =>
  ({
    id: 'drill-x',
    task: { manifest: { containers: [{ service: 'app', healthBefore }] } },
    tools: {
      signal: new AbortController().signal,
      engine: {
        containers: async () => ['app'],
        inspect: async () => ({ ...containerFrom({ id: 'app', labels: label }).details, ...look() }),
      },
    },
  }) as unknown as Drill;

describe('a service that was as it should be', () => {
  it('has to be so for a while where nobody looks at its health', async () => {
    const from = performance.now();
    const isOver = () => performance.now() - from > 100;
    const drill = drillWith('none', () =>
      isOver() ? { state: 'exited', exitCode: 7 } : { state: 'running' },
    );
    expect(await stillThere(drill, ['app'])).toMatchObject([
      { about: 'app', ok: false, message: 'is exited with exit code 7; it was running before' },
    ]);
  });

  it('is known by its health else', async () => {
    const drill = drillWith('healthy', () => ({ state: 'running', health: 'healthy' }));
    expect(await stillThere(drill, ['app'])).toMatchObject([{ about: 'app', ok: true }]);
  });
});
