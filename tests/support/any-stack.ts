import fc from 'fast-check';
import type { QuiesceMode } from '../../src/config/types.ts';
import type { Sketch } from './stack-builder.ts';

const states = ['running', 'running', 'running', 'paused', 'exited', 'restarting', 'created'] as const;
const policies = ['no', 'always', 'unless-stopped', 'on-failure'];

/** Stacks without circles: a service needs only such with a smaller number; some share its network. */
export const anyStack = fc
  .array(
    fc.record({
      state: fc.constantFrom(...states),
      health: fc.constantFrom('none' as const, 'healthy' as const),
      policy: fc.constantFrom(...policies),
      mode: fc.constantFrom<QuiesceMode>('stop', 'stop', 'pause', 'none'),
      needs: fc.array(fc.nat(8), { maxLength: 3 }),
      condition: fc.constantFrom('service_started', 'service_healthy'),
      shares: fc.option(fc.nat(8), { freq: 4 }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((drawn) => ({
    modes: Object.fromEntries(drawn.map(({ mode }, at) => [`s${at}`, { quiesce: mode }])),
    sketches: drawn.map(
      ({ state, health, policy, needs, condition, shares }, at): Sketch => ({
        id: `s${at}`,
        state,
        health: state === 'running' ? health : 'none',
        restartPolicy: { name: policy, maximumRetryCount: 0 },
        startedAt: String(at),
        dependsOn: [...new Set(needs.filter((other) => other < at))]
          .map((other) => `s${other}:${condition}:false`)
          .join(','),
        ...(shares !== null && shares < at ? { networkMode: `container:s${shares}` } : {}),
      }),
    ),
  }));

/** What a container has to be in after it was touched, for what it was in before. */
export const wanted = (state: string): string => (state === 'restarting' ? 'running' : state);
