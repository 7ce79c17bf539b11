import { mkdir, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { errorOf, folderWith } from './fixture.ts';

const env = {};
const valid = 'instances:\n  core:\n';

describe('loadConfig', () => {
  test('finds backup.config.yaml in the current folder', async () => {
    await using folder = await folderWith({ 'backup.config.yaml': valid });
    const config = await loadConfig({ cwd: folder.path, env });
    expect(config).toMatchObject({
      file: join(folder.path, 'backup.config.yaml'),
      shownFile: 'backup.config.yaml',
      folder: folder.path,
      raw: { instances: { core: null } },
    });
  });

  test('finds nothing where there is nothing', async () => {
    await using folder = await folderWith({});
    expect(await loadConfig({ cwd: folder.path, env })).toBeUndefined();
  });

  test('takes the file it is given, from the current folder or from anywhere', async () => {
    await using folder = await folderWith({ 'a/other.yaml': valid, 'backup.config.yaml': 'wrong: 1' });
    const inside = await loadConfig({ path: 'a/other.yaml', cwd: folder.path, env });
    expect(inside).toMatchObject({ shownFile: 'a/other.yaml', folder: join(folder.path, 'a') });
    await mkdir(join(folder.path, 'b'));
    const outside = await loadConfig({ path: '../a/other.yaml', cwd: join(folder.path, 'b'), env });
    expect(outside?.shownFile).toBe(join(folder.path, 'a/other.yaml'));
  });

  test('names the file as given in its errors', async () => {
    await using folder = await folderWith({ 'a/other.yaml': 'wrong: 1' });
    const { message } = await errorOf(() => loadConfig({ path: 'a/other.yaml', cwd: folder.path, env }));
    expect(message).toMatch(/^a\/other\.yaml:1:1: unknown key 'wrong'/);
  });

  test('refuses a file that was asked for and is not there', async () => {
    await using folder = await folderWith({});
    const error = await errorOf(() => loadConfig({ path: 'x.yaml', cwd: folder.path, env }));
    expect(error).toMatchObject({
      code: 'config-missing',
      message: 'the configuration x.yaml does not exist',
    });
    expect(error.next).toContain('--config');
  });

  test('refuses a file that is there and cannot be read', async () => {
    await using folder = await folderWith({});
    await mkdir(join(folder.path, 'backup.config.yaml'));
    const error = await errorOf(() => loadConfig({ cwd: folder.path, env }));
    expect(error).toMatchObject({
      code: 'config-missing',
      message: 'the configuration backup.config.yaml cannot be read (EISDIR)',
    });
  });

  test('does not take a link to nowhere for no configuration', async () => {
    await using folder = await folderWith({});
    await symlink('nowhere.yaml', join(folder.path, 'backup.config.yaml'));
    expect((await errorOf(() => loadConfig({ cwd: folder.path, env }))).code).toBe('config-missing');
  });

  test('does not pass over a configuration with another ending', async () => {
    await using folder = await folderWith({ 'backup.config.yaml': valid });
    await rename(join(folder.path, 'backup.config.yaml'), join(folder.path, 'backup.config.yml'));
    const error = await errorOf(() => loadConfig({ cwd: folder.path, env }));
    expect(error.code).toBe('config-missing');
    expect(error.next).toBe('Rename it to backup.config.yaml, or name it with --config.');
  });

  test('refuses what is not UTF-8', async () => {
    await using folder = await folderWith({
      'backup.config.yaml': Buffer.from('backups: caf\xe9', 'latin1'),
    });
    expect((await errorOf(() => loadConfig({ cwd: folder.path, env }))).message).toBe(
      'backup.config.yaml:1:1: the file is not UTF-8 text',
    );
  });

  test('reads files with a byte order mark and Windows line ends, and counts their columns right', async () => {
    await using folder = await folderWith({
      'backup.config.yaml': '\ufeffinstances:\r\n  core:\r\n    logs: 1\r\n',
    });
    expect((await errorOf(() => loadConfig({ cwd: folder.path, env }))).message).toBe(
      'backup.config.yaml:3:11: instances.core.logs must be true or false, not the number 1',
    );
    await using marked = await folderWith({ 'backup.config.yaml': '\ufefflogs: 1\n' });
    expect((await errorOf(() => loadConfig({ cwd: marked.path, env }))).message).toMatch(
      /^backup.config.yaml:1:1:/,
    );
  });
});
