import { describe, expect, it } from 'vitest';
import { limitsOf, within } from '../../../../src/drill/data/limit.ts';
import type { LoadContext, LoadSource } from '../../../../src/hooks/load/types.ts';

const source = { dump: { path: 'dumps/db/shop.dump' } } as LoadSource;
const contextWith = (signal: AbortSignal, timeout?: number): LoadContext =>
  ({ signal, ...(timeout === undefined ? {} : { hook: { timeout } }) }) as unknown as LoadContext;
const never = new AbortController().signal;
const good = { kind: 'rows', about: 'x', ok: true, message: 'is there' } as const;

describe('work on a dump in a drill', () => {
  it('may take as long as its making, and an hour at least', () => {
    expect(limitsOf(contextWith(never))).toEqual({ countMs: 3_600_000, loadMs: 14_400_000 });
    expect(limitsOf(contextWith(never, 7_200_000))).toMatchObject({ countMs: 7_200_000 });
  });

  it('is what it comes to, or fails with', async () => {
    expect(await within(contextWith(never), source, 1e12, async () => [good])).toEqual([good]);
    const failing = within(contextWith(never), source, 1e6, () => Promise.reject(new Error('refused')));
    await expect(failing).rejects.toThrow('refused');
  });

  it('is left behind when it does not end', async () => {
    let told: AbortSignal | undefined;
    const hanging = within(contextWith(never), source, 20, ({ signal }) => {
      told = signal;
      return new Promise(() => undefined);
    });
    expect(await hanging).toEqual([
      { kind: 'rows', about: source.dump.path, ok: false, message: 'it did not end within 20 ms' },
    ]);
    expect(told?.aborted).toBe(true);
  });

  it('ends with an interruption', async () => {
    const control = new AbortController();
    const { signal } = control;
    const hanging = within(contextWith(signal), source, 1e6, () => new Promise(() => undefined));
    control.abort(new Error('interrupted'));
    await expect(hanging).rejects.toThrow('interrupted');
    await expect(within(contextWith(signal), source, 1e6, async () => [good])).rejects.toThrow('interrupted');
  });
});
