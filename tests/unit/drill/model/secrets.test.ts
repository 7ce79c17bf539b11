import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutMasked } from '../../../../src/drill/model/masked.ts';
import { disguiseOf } from '../../../../src/drill/model/secrets.ts';

const key = Buffer.alloc(32, 7);
const modelOf = (...services: readonly Readonly<Record<string, string>>[]) => ({
  services: Object.fromEntries(services.map((environment, at) => [`s${at}`, { environment }])),
});

describe('secrets of the original', () => {
  it('become values to throw away, the same wherever the original was the same', () => {
    const model = modelOf(
      { POSTGRES_PASSWORD: 'hunter22' },
      { PGPASSWORD: 'hunter22', API_TOKEN: 'other-one' },
    );
    const { variable } = disguiseOf(model, 'none', key);
    const made = variable('POSTGRES_PASSWORD', 'hunter22');
    expect(made).toMatch(/^[0-9a-f]{32}$/);
    expect(variable('PGPASSWORD', 'hunter22')).toBe(made);
    expect(variable('API_TOKEN', 'other-one')).not.toBe(made);
  });

  it('are others in every drill', () => {
    const model = modelOf({ PASSWORD: 'hunter22' });
    const [one, two] = [key, Buffer.alloc(32, 8)].map((k) =>
      disguiseOf(model, 'none', k).variable('PASSWORD', 'hunter22'),
    );
    expect(one).not.toBe(two);
  });

  it('are taken out of addresses and commands, whose other parts stay', () => {
    const model = modelOf({
      DATABASE_URL: 'postgres://shop:hunter22@db:5432/shop?x=1',
      DB_PASSWORD: 'hunter22',
    });
    const { variable, text } = disguiseOf(model, 'none', key);
    const made = variable('DB_PASSWORD', 'hunter22');
    expect(variable('DATABASE_URL', 'postgres://shop:hunter22@db:5432/shop?x=1')).toBe(
      `postgres://shop:${made}@db:5432/shop?x=1`,
    );
    expect(text('redis-server --requirepass hunter22')).toBe(`redis-server --requirepass ${made}`);
  });

  it('do not take innocent values with them that happen to be the same', () => {
    const model = modelOf({ POSTGRES_USER: 'postgres', POSTGRES_PASSWORD: 'postgres' });
    const { variable, text } = disguiseOf(model, 'none', key);
    expect(variable('POSTGRES_USER', 'postgres')).toBe('postgres');
    expect(text('psql -U postgres')).toBe('psql -U postgres');
    expect(variable('POSTGRES_PASSWORD', 'postgres')).not.toBe('postgres');
  });

  it('are not addresses without a password, paths, switches and small numbers', () => {
    const model = modelOf({
      PUBLIC_URL: 'https://shop.example/',
      TOKEN_FILE: '/run/secrets/token',
      USE_AUTH: 'true',
      KEY_BITS: '4096',
    });
    const { variable } = disguiseOf(model, 'none', key);
    for (const [name, value] of Object.entries(model.services.s0?.environment ?? {}))
      expect(variable(name, value)).toBe(value);
  });

  it('are given where the configuration allows them: by name, or all', () => {
    const model = modelOf({ LICENSE_KEY: 'abcdefgh', PASSWORD: 'hunter22' });
    const some = disguiseOf(model, ['LICENSE_KEY'], key);
    expect(some.variable('LICENSE_KEY', 'abcdefgh')).toBe('abcdefgh');
    expect(some.variable('PASSWORD', 'hunter22')).not.toBe('hunter22');
    expect(disguiseOf(model, 'all', key).variable('PASSWORD', 'hunter22')).toBe('hunter22');
  });

  it('stand nowhere in what a disguise returns', () => {
    const secret = fc.stringMatching(/^[g-z]{8,20}$/);
    fc.assert(
      fc.property(secret, secret, fc.array(fc.boolean()), (one, two, order) => {
        const { text, variable } = disguiseOf(modelOf({ A_PASSWORD: one, B_TOKEN: two }), 'none', key);
        const quoting = order.map((first) => (first ? one : two)).join('');
        for (const said of [text(quoting), variable('WORDS', quoting), variable('A_PASSWORD', one)])
          expect(said).not.toMatch(new RegExp(`${one}|${two}`));
      }),
    );
  });
});

describe('a model whose values were masked', () => {
  it('is used without them, and says which are missing', () => {
    const model = { services: { app: { user: '1000', environment: { MODE: '<redacted>', PORT: '80' } } } };
    const { model: used, unknown } = withoutMasked(model);
    expect(used).toEqual({ services: { app: { user: '1000', environment: { PORT: '80' } } } });
    expect(unknown).toEqual(['app: MODE']);
  });
});
