import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostPathsOf } from '../../../../src/drill/plan/host.ts';
import type { Drill } from '../../../../src/drill/task.ts';
import { exampleManifest } from '../../../support/made-snapshot.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { service } from '../model/fixture.ts';

const drillOf = (binds: readonly object[], isTrusted = true): Drill =>
  ({
    task: {
      manifest: { ...exampleManifest(), mounts: [] },
      source: {
        model: { services: { app: { volumes: binds.map((one) => ({ type: 'bind', ...one })) } } },
        isTrusted,
      },
    },
    tools: { info: { local: true }, signal: AbortSignal.timeout(60_000) },
  }) as unknown as Drill;

const readOnly = (...sources: readonly string[]) => sources.map((source) => ({ source, read_only: true }));

describe('what a drill takes of this host', () => {
  it('is what services mount read-only, but nothing of the system, and nothing large', async () => {
    const folder = await temporaryFolder('host');
    const at = (name: string): string => join(folder, name);
    await mkdir(at('theme'));
    await writeFile(at('theme/page'), '12345');
    await writeFile(at('one.conf'), '123');
    await symlink('one.conf', at('link'));
    await writeFile(at('film'), '');
    await truncate(at('film'), 2 * 1024 ** 3);
    const mine = ['theme', 'one.conf', 'link', 'film', 'gone'].map(at);
    const binds = readOnly(...mine, '/', '/proc', '/sys/fs/cgroup', '/etc');
    const { kinds, bytes } = await hostPathsOf(drillOf([...binds, { source: '/srv' }]), [service('app')]);
    expect([...kinds.values()]).toEqual([
      ...['dir', 'file', 'other', 'large', 'missing'],
      ...['system', 'system', 'system', 'system'],
    ]);
    expect([bytes.get(at('theme')), bytes.get(at('one.conf'))]).toEqual([5, 3]);
  });

  it('is nothing where the model is none of this host, or the service takes no part', async () => {
    const binds = readOnly('/etc/hostname');
    expect((await hostPathsOf(drillOf(binds, false), [service('app')])).kinds.size).toBe(0);
    expect((await hostPathsOf(drillOf(binds), [service('other')])).kinds.size).toBe(0);
  });
});
