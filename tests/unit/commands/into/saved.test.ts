import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { foreignFiles, savedFiles } from '../../../../src/commands/into/saved.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

describe('the compose files of a snapshot', () => {
  let folder: string;
  const at = (name: string): string => join(folder, 'compose', name);
  const write = (name: string, text: string | Buffer): Promise<void> => writeFile(at(name), text);

  beforeEach(async () => {
    folder = await temporaryFolder('saved');
    await mkdir(join(folder, 'compose'));
  });

  it('are taken in their order, or as one', async () => {
    for (const name of ['02-b.yaml', '01-a.yaml', 'whole.json', 'model.json'])
      await write(name, '{"services": {}}');
    const separate = [at('01-a.yaml'), at('02-b.yaml')];
    expect(await savedFiles(folder)).toEqual([separate, [at('whole.json')]]);
    expect(await foreignFiles(folder)).toEqual([[at('whole.json')]]);
  });

  it('are none where there are none', async () => {
    expect(await foreignFiles(folder)).toEqual([]);
  });

  it.each<[string, string | Buffer]>([
    ['include files', '{"include": ["/etc/x.yaml"], "services": {}}'],
    ['extend files', 'services: { a: { extends: { file: /etc/x.yaml, service: b } } }'],
    ['take labels from files', 'services: { a: { image: x, label_file: /etc/passwd } }'],
    ['are no YAML', 'services: ['],
    ['are in another encoding', Buffer.from('\ufeffinclude: [/etc/x.yaml]', 'utf16le')],
  ])('are not given to Compose when they come from elsewhere and %s', async (_, text) => {
    await write('01-compose.yaml', text);
    await expect(foreignFiles(folder)).rejects.toMatchObject({ code: 'restore-refused' });
  });

  it('are not given to Compose when they are links', async () => {
    await symlink('/etc/hostname', at('01-compose.yaml'));
    await expect(foreignFiles(folder)).rejects.toMatchObject({ code: 'restore-refused' });
  });
});
