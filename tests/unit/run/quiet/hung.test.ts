import { describe, expect, it } from 'vitest';
import type { Warning } from '../../../../src/base/events.ts';
import { notedOrHung, notedSoon } from '../../../../src/run/quiet/window/hung.ts';

const never = () => new Promise<void>(() => undefined);
const broken = () => Promise.reject(new Error('EIO'));
const done = () => Promise.resolve();

describe('a disk that takes nothing while services are down', () => {
  const warnings: Warning[] = [];
  const context = { warn: (warning: Warning) => void warnings.push(warning) };
  const noted = (note: () => Promise<void>) => notedOrHung(context, '/srv/backups', note, 20);

  it('ends what is done meanwhile, and that is told at once', async () => {
    await expect(noted(done)).resolves.toBeUndefined();
    await expect(noted(broken)).rejects.toThrow('EIO');
    expect(warnings).toEqual([]);
    await expect(noted(never)).rejects.toMatchObject({ code: 'backups-unusable' });
    expect(warnings).toMatchObject([{ code: 'disk-hangs' }]);
  });

  it('does not keep them from coming back', async () => {
    await expect(notedSoon(never, 20)).resolves.toBeUndefined();
    await expect(notedSoon(broken, 20)).rejects.toThrow('EIO');
  });

  it('may say what it likes later', async () => {
    const late = Promise.withResolvers<void>();
    await notedSoon(() => late.promise, 20);
    late.reject(new Error('EIO'));
    await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail the test
  });
});
