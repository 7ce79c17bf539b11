import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertRoom } from '../../../../src/commands/into/space.ts';
import type { IntoData } from '../../../../src/plan/into/types.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const data = (kind: 'volume' | 'bind', bytes: number): IntoData =>
  ({ mount: { bytes }, to: kind === 'volume' ? { kind, name: 'v' } : { kind, path: '/x' } }) as IntoData;
const tooMuch = 2 ** 60;

describe('room for a new project', () => {
  it('is looked for where its volumes and its binds come to lie', async () => {
    const root = await temporaryFolder('room');
    const folder = join(root, 'copy');
    const room = (...all: readonly IntoData[]) => assertRoom({ folder, data: all }, root);
    await room();
    await room(data('volume', 1), data('bind', 1));
    for (const kind of ['volume', 'bind'] as const)
      await expect(room(data(kind, tooMuch))).rejects.toMatchObject({ code: 'space-short' });
    // Together they do not fit on the one disk.
    const both = room(data('volume', tooMuch), data('bind', 1));
    await expect(both).rejects.toThrow(/ and /);
    // A place that nothing is put into may be anywhere.
    await assertRoom({ folder, data: [data('bind', 1)] }, '/proc');
  });
});
