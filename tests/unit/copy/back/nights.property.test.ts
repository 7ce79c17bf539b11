import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { removeTree } from '../../../../src/base/disk.ts';
import { putBack } from '../../../../src/copy/back/back.ts';
import { casesOf } from '../../../support/cases.ts';
import { mountOf } from '../../../support/made-snapshot.ts';
import { everything, links, nightAfterNight } from '../../../support/nights.ts';

const stateOf = async (root: string) => ({ ...(await everything(root)), links: await links(root) });

/** Each night is put back into a target of the night before, then the first night over the last. */
const checkNights = async (form: 'tree' | 'archive', rounds: number): Promise<void> => {
  const first = new Map<string, { source: Parameters<typeof putBack>[0]; state: unknown }>();
  await nightAfterNight(
    form,
    async (live, snapshot, result) => {
      const state = await stateOf(live);
      const source = { folder: snapshot, mount: mountOf(result) };
      const target = join(dirname(snapshot), 'target');
      if (!existsSync(target)) await mkdir(target);
      await putBack(source, { kind: 'host', path: target });
      expect(await stateOf(target)).toEqual(state);
      const earliest = first.get(target);
      if (earliest === undefined) first.set(target, { source, state });
      else {
        await putBack(earliest.source, { kind: 'host', path: target });
        expect(await stateOf(target)).toEqual(earliest.state);
      }
      // What was not touched since needs nothing; what changed just before it is looked at again.
      const again = await putBack(source, { kind: 'host', path: live });
      expect(again).toMatchObject({ created: 0, removed: 0, metadata: 0 });
      expect(await stateOf(live)).toEqual(state);
      await removeTree(join(dirname(snapshot), 'fresh'));
      await mkdir(join(dirname(snapshot), 'fresh'));
      await putBack(source, { kind: 'host', path: join(dirname(snapshot), 'fresh') });
      expect(await stateOf(join(dirname(snapshot), 'fresh'))).toEqual(state);
    },
    { rounds: casesOf(rounds) },
  );
};

describe('putting back one night after the other', () => {
  it('gives what was there, from trees that share files', () => checkNights('tree', 2), 120_000);

  it('gives what was there, from archives in several files', () => checkNights('archive', 2), 120_000);
});
