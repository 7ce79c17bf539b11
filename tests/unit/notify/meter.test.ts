import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance, fractionOf, newMeter, rateAt, timeLeft } from '../../../src/notify/terminal/meter.ts';

const steady = (of: number, perSecond: number, seconds: number) => {
  let meter = newMeter(of, 0);
  for (let at = 1; at <= seconds * 2; at += 1) meter = advance(meter, (perSecond * at) / 2, at * 500);
  return meter;
};

describe('the meter', () => {
  it('measures a steady speed and what is left', () => {
    const meter = steady(1000, 100, 4);
    expect(rateAt(meter, 4000)).toBeCloseTo(100);
    expect(timeLeft(meter, 4000)).toBeCloseTo(6000);
    expect(fractionOf(meter)).toBeCloseTo(0.4);
  });

  it('smooths a jump: one burst does not double the rate', () => {
    const before = steady(1e6, 100, 10);
    const after = advance(before, before.bytes + 100, 10_500); // 200 a second for half a second
    expect(rateAt(after, 10_500)).toBeGreaterThan(100);
    expect(rateAt(after, 10_500)).toBeLessThan(125);
  });

  it('fades when nothing moves', () => {
    const meter = steady(1e6, 100, 10);
    expect(rateAt(meter, 12_000)).toBeCloseTo(100);
    expect(rateAt(meter, 20_000)).toBeLessThan(10);
    expect(timeLeft(meter, 100_000)).toBeUndefined();
  });

  it('knows no rate before it measured and no end where none was told', () => {
    expect(rateAt(newMeter(100, 0), 1000)).toBeUndefined();
    expect(timeLeft(newMeter(100, 0), 1000)).toBeUndefined();
    expect(fractionOf(steady(0, 100, 4))).toBeUndefined();
    expect(timeLeft(steady(0, 100, 4), 4000)).toBeUndefined();
  });

  it('is finite whatever it is told, whenever', () => {
    const step = fc.tuple(fc.double(), fc.integer({ min: -10_000, max: 10_000_000 }));
    fc.assert(
      fc.property(fc.double(), fc.array(step, { maxLength: 30 }), (of, steps) => {
        let now = 0;
        let meter = newMeter(of, now);
        for (const [bytes, passed] of steps) {
          now += passed;
          meter = advance(meter, bytes, now);
          for (const value of [rateAt(meter, now), timeLeft(meter, now), fractionOf(meter)]) {
            if (value === undefined) continue;
            expect(Number.isFinite(value)).toBe(true);
            expect(value).toBeGreaterThanOrEqual(0);
          }
        }
      }),
    );
  });
});
