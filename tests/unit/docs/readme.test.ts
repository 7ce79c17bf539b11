import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { exitCode } from '../../../src/commands/session/exit.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { resolveInstances } from '../../../src/config/resolve.ts';
import { fencedBlocks, readPage, tableRows } from './pages.ts';

const readme = readPage('README.md');

describe('the README', () => {
  it('begins with a configuration that loads as it stands', async () => {
    const [yaml] = fencedBlocks(readme, 'yaml');
    expect(yaml?.split('\n').length).toBeLessThanOrEqual(11);
    const folder = await mkdtemp(join(tmpdir(), 'stack-backup-readme-'));
    onTestFinished(() => removeTree(folder));
    await writeFile(join(folder, 'backup.config.yaml'), yaml ?? '');

    const config = await loadConfig({ cwd: folder, env: {} });
    if (config === undefined) throw new Error('no configuration was found');
    const [instance] = await resolveInstances(config, ['webshop'], { env: {} });
    expect(instance).toMatchObject({
      name: 'webshop',
      backups: '/srv/backups',
      composeFiles: [join(folder, 'compose.yaml')],
      hooks: [
        { kind: 'postgres', name: 'postgres-db' },
        { kind: 'sqlite', name: 'sqlite-app', path: '/data/app.db' },
      ],
    });
  });

  it('names every exit code', () => {
    const codes = tableRows(readme, 'Exit codes').flatMap(([cell = '']) => cell.split(', ').map(Number));
    expect(codes.sort((a, b) => a - b)).toEqual([...Object.values(exitCode), 129, 130, 143]);
  });

  it('names every command, and no other', () => {
    const known = createProgram('0', async () => undefined).commands.map((command) => command.name());
    const list = /^Commands: ([^.]*)\./m.exec(readme)?.[1]?.replace(/\([^)]*\)/g, '') ?? '';
    const named = [...list.matchAll(/`([a-z]+)`/g)].map(([, name]) => name);
    expect(known.length).toBeGreaterThan(5);
    expect(named.toSorted()).toEqual(known.toSorted());
  });
});
