import { lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { letIn } from '../../../../src/drill/data/postgres.ts';

describe('letting services into a restored PostgreSQL', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stack-backup-hba-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const cluster = async (...below: readonly string[]): Promise<string> => {
    const path = join(folder, ...below);
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'PG_VERSION'), '15\n');
    await writeFile(join(path, 'pg_hba.conf'), 'host all all all scram-sha-256\n', { mode: 0o600 });
    return path;
  };

  it.each([[[]], [['data']], [['15', 'main']]])('puts its rules first, in %j', async (below) => {
    const path = await cluster(...below);
    expect(await letIn(folder)).toBe(true);
    const text = await readFile(join(path, 'pg_hba.conf'), 'utf8');
    expect(text).toMatch(
      /^#.*\nlocal all all trust\nhost all all all trust\nhost all all all scram-sha-256\n$/,
    );
    expect((await lstat(join(path, 'pg_hba.conf'))).mode & 0o777).toBe(0o600);
  });

  it('does it once', async () => {
    const path = await cluster();
    await letIn(folder);
    const text = await readFile(join(path, 'pg_hba.conf'), 'utf8');
    expect(await letIn(folder)).toBe(true);
    expect(await readFile(join(path, 'pg_hba.conf'), 'utf8')).toBe(text);
  });

  it('leaves other folders alone', async () => {
    await writeFile(join(folder, 'pg_hba.conf'), 'mine');
    expect(await letIn(folder)).toBe(false);
    expect(await readFile(join(folder, 'pg_hba.conf'), 'utf8')).toBe('mine');
  });

  it('never follows a link out of the volume', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'stack-backup-outside-'));
    try {
      await writeFile(join(outside, 'PG_VERSION'), '15\n');
      await writeFile(join(outside, 'pg_hba.conf'), 'mine');
      const path = await cluster('data');
      await rm(join(path, 'pg_hba.conf'));
      await symlink(join(outside, 'pg_hba.conf'), join(path, 'pg_hba.conf'));
      await symlink(outside, join(folder, 'other'));
      expect(await letIn(folder)).toBe(false);
      expect(await readFile(join(outside, 'pg_hba.conf'), 'utf8')).toBe('mine');
    } finally {
      await rm(outside, { recursive: true });
    }
  });
});
