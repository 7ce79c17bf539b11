import { describe, expect, it } from 'vitest';
import { madeReady } from '../../../../src/run/restore/data/volumes.ts';
import { memoryEngine } from '../../../support/memory-engine.ts';

const spec = (password: string) => ({
  driver: 'local',
  options: { type: 'cifs', device: '//server/share', o: `username=u,password=${password}` },
  labels: {},
});
const put = {
  mount: 'share',
  kind: 'volume',
  name: 'share',
  source: '',
  method: 'api',
  volume: spec('<redacted>'),
} as const;

describe('a volume whose options hold a password', () => {
  it('is made anew with the password that it has, where a journal leaves it out', async () => {
    const { engine, volumes } = memoryEngine([], () => false);
    await engine.createVolume({ name: 'share', ...spec('secret') });
    await madeReady({ engine }, put);
    expect(volumes.get('share')?.options).toEqual(spec('secret').options);
  });

  it('is made with one that is known, and refused where nobody knows it', async () => {
    const { engine, volumes } = memoryEngine([], () => false);
    await expect(madeReady({ engine }, put)).rejects.toMatchObject({ code: 'restore-failed' });
    expect(volumes.size).toBe(0);
    await madeReady({ engine }, put, { name: 'share', ...spec('known') });
    expect(volumes.get('share')?.options).toEqual(spec('known').options);
  });
});
