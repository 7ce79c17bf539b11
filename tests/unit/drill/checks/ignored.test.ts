import { describe, expect, it } from 'vitest';
import { isIgnored } from '../../../../src/drill/checks/ignored.ts';
import { inDependencyOrder } from '../../../../src/drill/plan/order.ts';
import { Stopwatch } from '../../../../src/drill/sandbox/stopwatch.ts';

describe('tables whose rows may be any', () => {
  it.each([
    ['sessions', true],
    ['public.sessions', true],
    ['shop.public.sessions', true],
    ['sess*', true],
    ['*.public.*', true],
    ['session', false],
    ['other.sessions', false],
    ['sessions.', false],
  ])('%s', (pattern, expected) => {
    expect(isIgnored([pattern], ['shop', 'public', 'sessions'])).toBe(expected);
  });

  it('of an SQLite file have no schema', () => {
    expect(isIgnored(['/data/app.db.jobs'], ['/data/app.db', undefined, 'jobs'])).toBe(true);
    expect(isIgnored([], ['/data/app.db', undefined, 'jobs'])).toBe(false);
  });
});

describe('services whose data is looked at', () => {
  const model = {
    services: {
      app: { depends_on: { db: {}, cache: {} } },
      proxy: { network_mode: 'service:app' },
      cache: {},
      db: {},
    },
  };

  it('come after what they depend on, also through others', () => {
    expect(inDependencyOrder(model, ['proxy', 'db', 'app'])).toEqual(['db', 'app', 'proxy']);
  });

  it('come to an end where they depend on each other', () => {
    const circle = { services: { a: { depends_on: { b: {} } }, b: { depends_on: { a: {} } } } };
    expect(inDependencyOrder(circle, ['a', 'b']).toSorted()).toEqual(['a', 'b']);
  });
});

describe('the time of a recovery', () => {
  it('does not count what is done to look at it', async () => {
    let now = 1000;
    const watch = new Stopwatch({ tick: () => now }, 400);
    await watch.beside(async () => {
      now += 5000;
    });
    now += 10;
    expect(watch.ms).toBe(610);
  });
});
