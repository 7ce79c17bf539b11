import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromEnvFiles, withEnvFiles, withWanted } from '../../../../src/commands/into/variables.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const asWritten = {
  services: {
    app: { env_file: [{ path: 'app.env' }], environment: ['OWN=1', 'PASSED'] },
    db: { environment: { X: '1' } },
  },
};

const snapshotWith = async (model: string): Promise<string> => {
  const folder = await temporaryFolder('variables');
  await mkdir(join(folder, 'compose'));
  await writeFile(join(folder, 'compose/model.json'), model);
  return folder;
};

describe('what services had from env files', () => {
  it('is what the snapshot names and the compose file does not', async () => {
    const model = {
      services: {
        app: { environment: { OWN: '<redacted>', PASSED: null, TOKEN: '<redacted>', 'a.b': 'x' } },
      },
    };
    const wanted = await fromEnvFiles(await snapshotWith(JSON.stringify(model)), asWritten);
    expect([...wanted]).toEqual([['app', ['TOKEN', 'a.b']]]);
  });

  it('is nothing where the snapshot has no model that can be read', async () => {
    expect([...(await fromEnvFiles(await snapshotWith('{'), asWritten))]).toEqual([['app', []]]);
  });

  it('is taken out of the files that are given, and nothing else of these', () => {
    const wanted = new Map([['app', ['TOKEN', 'a.b', 'HERE', 'NOWHERE']]]);
    const asked = withEnvFiles(asWritten, wanted, ['/v/$1.env']);
    expect(asked.services).toEqual({
      app: { environment: ['OWN=1', 'PASSED'], env_file: [{ path: '/v/$$1.env' }] },
      db: { environment: { X: '1' } },
    });
    const environment = { OWN: '1', PASSED: null, TOKEN: 'a$$b', 'a.b': 'c', OTHERS: 'no' };
    const filled = { services: { app: { environment }, db: { environment: { X: '1' } } } };
    const { model, missing } = withWanted(asWritten, filled, wanted, { HERE: '$5', PASSED: 'p' });
    expect(missing).toEqual(['NOWHERE']);
    expect(model.services).toEqual({
      app: {
        environment: { OWN: '1', PASSED: null, TOKEN: 'a$$b', 'a.b': 'c', HERE: '$$5', NOWHERE: undefined },
      },
      db: { environment: { X: '1' } },
    });
  });
});
