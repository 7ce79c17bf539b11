import { describe, expect, it } from 'vitest';
import type { Instance } from '../../../src/config/types.ts';
import { planBackup } from '../../../src/plan/backup.ts';
import { instanceWith, type Sketch, stackFrom } from '../../support/stack-builder.ts';

const before = { downtimeMs: 5000, windowMs: 1000, bytes: 1000, backMs: 3200 };

const plan = (sketches: readonly Sketch[], over: Partial<Instance> = {}, experience?: typeof before) =>
  planBackup(instanceWith(over), stackFrom(sketches), new Map(), experience);

describe('how long bringing back takes', () => {
  it('is what it took the last time', () => {
    expect(plan([{ id: 'a' }], {}, before).predictedBackMs).toBe(3200);
  });

  it('is what the health checks let expect where nothing is known, wave after wave', () => {
    const healthy = { health: 'healthy', healthIntervalMs: 5000 } as const;
    const back = (sketches: readonly Sketch[]) => plan(sketches).predictedBackMs ?? -1;
    expect(back([{ id: 'a' }])).toBeLessThan(2000);
    expect(back([{ id: 'a', ...healthy }])).toBeGreaterThan(5000);
    expect(back([{ id: 'a', ...healthy }])).toBeLessThan(7000);
    const chain = [
      { id: 'a', ...healthy },
      { id: 'b', ...healthy, dependsOn: 'a:service_healthy:false' },
    ];
    expect(back(chain)).toBeGreaterThan(10_000);
    expect(back([{ id: 'a', ...healthy }, { id: 'b' }])).toBeLessThan(7000);
  });

  it('is not counted where nothing is stopped', () => {
    expect(plan([{ id: 'a', state: 'exited' }]).predictedBackMs).toBeUndefined();
  });
});

describe('budgets', () => {
  const { limits } = instanceWith();
  const codes = (over: Partial<Instance['limits']>) =>
    plan([{ id: 'a' }], { limits: { ...limits, ...over } }, before).warnings.map(({ code, notice }) => [
      code,
      notice,
    ]);

  it('that will not be kept are told before', () => {
    expect(codes({ downtime: 1 })).toEqual([['over-budget', true]]);
    expect(codes({ maxDowntime: 1 })).toEqual([['over-budget', true]]);
    expect(codes({ downtime: 1, maxDowntime: 1 })).toHaveLength(2);
  });

  it('that will be kept, or are not set, are not', () => {
    expect(codes({})).toEqual([]);
    expect(codes({ downtime: 3_600_000, maxDowntime: 3_600_000 })).toEqual([]);
  });
});
