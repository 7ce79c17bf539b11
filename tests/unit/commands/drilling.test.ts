import { expect, it } from 'vitest';
import { allInstances } from '../../../src/commands/drilling/targets.ts';
import type { Session } from '../../../src/commands/session/session.ts';

it('drill --all is an error where there is no instance at all, as it is of a backup', async () => {
  const session = { config: undefined } as unknown as Session;
  await expect(allInstances(session, false)).rejects.toMatchObject({ code: 'usage' });
  await expect(allInstances(session, true)).rejects.toMatchObject({ code: 'usage' });
});
