import { lstat, mkdir, readFile, rm, unlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/base/process.ts';
import type { Manifest, ManifestMount } from '../../src/snapshot/types.ts';
import { composeText, lasting, newestManifest, unwired, writeConfig } from '../support/backups.ts';
import { contents, listing } from '../support/compare.ts';
import { docker } from '../support/containers.ts';
import { flip } from '../support/damages.ts';
import { must } from '../support/odd-tree.ts';
import { runTool, type ScratchStack, scratchStack } from '../support/scratch.ts';

type Taken = Manifest & { readonly folder: string };

const megabyte = 1024 * 1024;

describe.each(['tree', 'archive'] as const)('night after night, as %s', (format) => {
  let stack: ScratchStack;
  let source: string;
  const taken: Taken[] = [];
  let before: ReturnType<typeof lasting>;

  const night = async (): Promise<Taken> => {
    const ended = await runTool(['data'], { cwd: stack.folder });
    expect(ended.exitCode, ended.stderr).toBe(0);
    return newestManifest(join(stack.folder, 'backups'));
  };
  const mountOf = (snapshot: Taken): ManifestMount => snapshot.mounts[0] as ManifestMount;
  const file = (name: string): string => join(source, name);

  beforeAll(async () => {
    stack = await scratchStack(
      composeText({ keeper: unwired({ volumes: ['data:/data'] }) }, { volumes: { data: {} } }),
    );
    await writeConfig(stack.folder, { data: { project: stack.project, format } });
    await stack.up();
    source = await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', `${stack.project}_data`);
    await mkdir(file('deep/er'), { recursive: true });
    for (let number = 0; number < 300; number++) await writeFile(file(`deep/small-${number}`), `${number}`);
    await writeFile(file('large'), Buffer.alloc(4 * megabyte, 'large'));
    await writeFile(file('same-time'), 'first');
    before = lasting(await stack.ps());
    taken.push(await night());
    await unlink(file('deep/small-7'));
    await writeFile(file('deep/small-8'), 'changed');
    await writeFile(file('deep/er/new'), 'new');
    const { atime, mtime } = await lstat(file('same-time'));
    await writeFile(file('same-time'), 'other');
    await utimes(file('same-time'), atime, mtime);
    taken.push(await night());
    taken.push(await night());
  });
  afterAll(() => stack.down());

  it('must copy nearly everything while the services run', () => {
    const [first] = taken as [Taken];
    expect(first.downtime.maxMs).toBeGreaterThan(0);
    expect(mountOf(first)).toMatchObject({ form: format, files: 302 });
    expect(mountOf(first).window?.bytes).toBeLessThan(megabyte);
  });

  it('must bring back what ran', async () => {
    expect(lasting(await stack.ps())).toEqual(before);
  });

  it('must share what did not change, and copy what did, even if its time and size say otherwise', () => {
    const [first, second, third] = taken as [Taken, Taken, Taken];
    expect(mountOf(first).shared).toBeUndefined();
    expect(mountOf(second)).toMatchObject({ base: first.snapshot, files: 302 });
    expect(mountOf(second).shared).toEqual({ files: 299, bytes: expect.any(Number) });
    expect(mountOf(third)).toMatchObject({ base: second.snapshot, shared: { files: 302 } });
  });

  it('must need next to no bytes for what did not change', async () => {
    const used = async (...folders: readonly string[]): Promise<number> =>
      Number(
        (await run(['du', '-sc', '-B1', ...folders])).stdout
          .toString()
          .trim()
          .split('\n')
          .at(-1)
          ?.split('\t')[0],
      );
    const [first, second] = taken as [Taken, Taken];
    const alone = await used(first.folder);
    expect((await used(first.folder, second.folder)) - alone).toBeLessThan(megabyte);
    expect(alone).toBeGreaterThan(format === 'tree' ? 4 * megabyte : 0);
  });

  it('must be accepted by plain sha256sum and by verify, each of them', async () => {
    for (const { folder } of taken) {
      expect((await run(['sha256sum', '--quiet', '-c', 'SHA256SUMS'], { cwd: folder })).exitCode).toBe(0);
      const verified = await runTool(['verify', folder], { cwd: stack.folder });
      expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
    }
  });

  it.runIf(format === 'tree')('must equal the source, entry by entry', async () => {
    const last = taken.at(-1) as Taken;
    const copy = join(last.folder, mountOf(last).path);
    const withoutLinks = (lines: readonly string[]): readonly string[] =>
      lines.map((line) => line.replace(/ \d+ (\.\/[^ ]* -> )/, ' $1'));
    expect(withoutLinks(await listing(copy))).toEqual(withoutLinks(await listing(source)));
    expect(await contents(copy)).toEqual(await contents(source));
  });

  it('must name every snapshot that shares a damaged file', async () => {
    const [first, second, third] = taken as [Taken, Taken, Taken];
    const { path } = mountOf(third);
    const shared = join(third.folder, format === 'tree' ? `${path}/large` : path);
    const whole = join(stack.folder, 'whole');
    await must(['cp', '-p', shared, whole]);
    await flip(shared, 100);
    const verified = await runTool(['verify', third.folder, '--json'], { cwd: stack.folder });
    expect(verified.exitCode).toBe(6);
    expect(JSON.parse(verified.stdout).sharedWith).toEqual([first.snapshot, second.snapshot]);
    // Into the shared file, as the damage was, and with its time to the nanosecond.
    await writeFile(shared, await readFile(whole));
    await must(['touch', '-r', whole, shared]);
  });

  it('must stay whole when the snapshot it shares with is removed', async () => {
    const [first, , third] = taken as [Taken, Taken, Taken];
    await rm(first.folder, { recursive: true });
    const verified = await runTool(['verify', third.folder], { cwd: stack.folder });
    expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
  });

  it('must copy everything, and say so, when the snapshot to share with is damaged', async () => {
    const last = taken.at(-1) as Taken;
    await writeFile(join(last.folder, mountOf(last).index), 'no index');
    const next = await night();
    expect(mountOf(next).shared).toBeUndefined();
    expect(next.warnings).toMatchObject([{ code: 'base-lost', notice: true }]);
    expect((await runTool(['verify', next.folder], { cwd: stack.folder })).exitCode).toBe(0);
    expect(dirname(next.folder)).toBe(dirname(last.folder));
    expect(await readFile(join(last.folder, mountOf(last).index), 'utf8')).toBe('no index');
  });
});
