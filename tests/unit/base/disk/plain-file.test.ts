import { rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readPlainFile } from '../../../../src/base/disk/plain-file.ts';
import { must } from '../../../support/odd-tree.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

it('a file from somebody else is read only if it is one: no link, no pipe, not too long', async () => {
  const folder = await temporaryFolder('plain');
  const at = (name: string): string => join(folder, name);
  await writeFile(at('file'), 'text');
  await symlink('file', at('link'));
  await must(['mkfifo', at('pipe')]);
  expect(String(await readPlainFile(at('file'), 4))).toBe('text');
  await expect(readPlainFile(at('file'), 3)).rejects.toThrow('far too long');
  await expect(readPlainFile(at('link'), 4)).rejects.toMatchObject({ code: 'ELOOP' });
  await expect(readPlainFile(at('pipe'), 4)).rejects.toThrow('it is no file');
  await expect(readPlainFile(folder, 4)).rejects.toThrow('it is no file');
  await expect(readPlainFile(at('none'), 4)).rejects.toMatchObject({ code: 'ENOENT' });
  await rm(folder, { recursive: true });
});
