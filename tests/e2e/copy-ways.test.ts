import { chown, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/base/process.ts';
import type { Manifest, ManifestMount } from '../../src/snapshot/types.ts';
import {
  composeText,
  holderImagesOf,
  holdersOf,
  hostHook,
  lasting,
  newestManifest,
  unwired,
  writeConfig,
} from '../support/backups.ts';
import { allocated, attributes, coarseListing, contents, listing, unpacked } from '../support/compare.ts';
import { docker, randomName } from '../support/containers.ts';
import { makeOddTree } from '../support/odd-tree.ts';
import { runTool, type ScratchStack, scratchStack, type ToolResult } from '../support/scratch.ts';

type Taken = Manifest & { readonly folder: string };

const oddBind = '- an odd\nnäme';

const mountpoint = (volume: string): Promise<string> =>
  docker('volume', 'inspect', '--format', '{{.Mountpoint}}', volume);

describe('the same data by its host path and through the engine', () => {
  const external = randomName('external');
  let stack: ScratchStack;
  let odd: string;
  let host: { readonly ended: ToolResult; readonly taken: Taken };
  let engine: { readonly ended: ToolResult; readonly taken: Taken };
  let before: ReturnType<typeof lasting>;

  const backUp = async (settings: object) => {
    await writeConfig(stack.folder, { data: { project: stack.project, ...settings } });
    const ended = await runTool(['data'], { cwd: stack.folder });
    expect(ended.exitCode, ended.stderr).toBe(0);
    return { ended, taken: await newestManifest(join(stack.folder, 'backups')) };
  };

  /** Short names: `odd`, `external`, `anonymous`, `outer`. */
  const shortName = (mount: { readonly name: string }): string => {
    if (mount.name === external) return 'external';
    if (/^[0-9a-f]{64}$/.test(mount.name)) return 'anonymous';
    return mount.name.replace(`${stack.project}_`, '').replace(`${stack.folder}/`, '');
  };
  const mountIn = (taken: Taken, name: string): ManifestMount => {
    const found = taken.mounts.find((mount) => shortName(mount) === name);
    if (found === undefined) throw new Error(`${name} was not copied`);
    return found;
  };
  const pathIn = (taken: Taken, name: string): string => join(taken.folder, mountIn(taken, name).path);

  beforeAll(async () => {
    const bind = (source: string, target: string) => ({ type: 'bind', source, target });
    const service = unwired({
      volumes: [
        'odd:/odd',
        'bound:/bound',
        'unwanted:/unwanted',
        'external:/external',
        '/anonymous',
        bind('./settings.ini', '/settings.ini'),
        bind('./outer', '/outer'),
        bind('./outer/inner', '/inner'),
        bind(`./${oddBind}`, '/odd-bind'),
      ],
    });
    stack = await scratchStack(
      composeText(
        { data: service },
        {
          volumes: {
            odd: {},
            unwanted: {},
            bound: { driver_opts: { type: 'none', o: 'bind', device: 'FOLDER/device' } },
            external: { external: true, name: external },
          },
        },
      ),
      {
        externalVolumes: [external],
        files: {
          'settings.ini': 'colour = blue\n',
          'outer/file': 'outer\n',
          'outer/inner/file': 'inner\n',
          [`${oddBind}/file`]: 'odd\n',
          'device/file': 'bound\n',
        },
      },
    );
    const text = await readFile(stack.composeFile, 'utf8');
    await writeFile(stack.composeFile, text.replace('FOLDER', stack.folder));
    await chown(join(stack.folder, 'settings.ini'), 1234, 5678);
    await stack.up();
    await docker(
      'exec',
      await stack.container('data'),
      'sh',
      '-c',
      'for where in external anonymous unwanted; do echo $where >/$where/file; done',
    );
    odd = await mountpoint(`${stack.project}_odd`);
    await makeOddTree(odd);
    // Lists what lies under the path of `bound` while no container uses it.
    const look = ['sh', '-c', 'ls -A "$1" >"$2"', 'sh'];
    const bound = await mountpoint(`${stack.project}_bound`);
    before = lasting(await stack.ps());
    host = await backUp({ hooks: [hostHook('look', [...look, bound, join(stack.folder, 'seen')])] });
    engine = await backUp({ copy: 'api' });
  });
  afterAll(() => stack?.down());

  it('must end well both ways, with the container as it was', async () => {
    expect([host.ended.exitCode, engine.ended.exitCode]).toEqual([0, 0]);
    expect(lasting(await stack.ps())).toEqual(before);
  });

  it('must copy each mount once, by its host path where that can be read', () => {
    const ways = (taken: Taken) =>
      Object.fromEntries(taken.mounts.map((mount) => [shortName(mount), `${mount.method} ${mount.form}`]));
    const all = ['odd', 'unwanted', 'external', 'anonymous', 'settings.ini', 'outer', oddBind, 'bound'];
    const each = (way: string) => Object.fromEntries(all.map((name) => [name, way]));
    expect(ways(host.taken)).toEqual({ ...each('host tree'), bound: 'api archive' });
    expect(ways(engine.taken)).toEqual(each('api archive'));
  });

  it('must keep everything by the host path: names, times, owners, links, attributes, lists', async () => {
    const copy = pathIn(host.taken, 'odd');
    expect(await listing(copy)).toEqual(await listing(odd));
    expect(await contents(copy)).toEqual(await contents(odd));
    expect(await attributes(copy)).toEqual(await attributes(odd));
    expect(mountIn(host.taken, 'odd').lost).toEqual([]);
  });

  it('must keep holes', async () => {
    const sparse = await stat(join(pathIn(host.taken, 'odd'), 'sparse'));
    expect(sparse.size).toBeGreaterThan(64 * 1024 * 1024);
    expect(sparse.blocks * 512).toBeLessThan(1024 * 1024);
    expect(await allocated(pathIn(host.taken, 'odd'))).toBeLessThan((await allocated(odd)) + 1024 * 1024);
  });

  it('must hold the same through the engine, but for what the manifest names', async () => {
    const copy = await unpacked(pathIn(engine.taken, 'odd'), join(stack.folder, 'unpacked'));
    // A time before 1970 is one of those that the engine cannot tell.
    const known = (lines: readonly string[]) => lines.filter((line) => !line.includes('./deep-er '));
    expect(known(await coarseListing(copy))).toEqual(known(await coarseListing(odd)));
    expect(await contents(copy)).toEqual(await contents(pathIn(host.taken, 'odd')));
    expect([...mountIn(engine.taken, 'odd').lost].sort()).toEqual([
      'acls',
      'holes',
      'ns-times',
      'sockets',
      'xattrs',
    ]);
    await rm(join(stack.folder, 'unpacked'), { recursive: true });
  });

  it('must count the same files and bytes both ways', () => {
    const counted = (taken: Taken) =>
      ['odd', 'external', 'anonymous', 'outer', oddBind, 'settings.ini'].map((name) => {
        const { files, bytes } = mountIn(taken, name);
        return { name, files, bytes };
      });
    expect(counted(engine.taken)).toEqual(counted(host.taken));
  });

  it('must read a volume that is mounted only while it is used through a container', async () => {
    expect(await readFile(join(stack.folder, 'seen'), 'utf8')).toBe('');
    const copy = await unpacked(pathIn(host.taken, 'bound'), join(stack.folder, 'bound'));
    expect(await readFile(join(copy, 'file'), 'utf8')).toBe('bound\n');
  });

  it('must copy external and anonymous volumes, and say that they are', async () => {
    for (const name of ['external', 'anonymous'])
      expect(await readFile(join(pathIn(host.taken, name), 'file'), 'utf8')).toBe(`${name}\n`);
    expect(mountIn(host.taken, 'external')).toMatchObject({ external: true, anonymous: false });
    expect(mountIn(host.taken, 'anonymous')).toMatchObject({ external: false, anonymous: true });
  });

  it('must copy a bind of a single file as a file, with its owner', async () => {
    const copy = pathIn(host.taken, 'settings.ini');
    expect(await readFile(copy, 'utf8')).toBe('colour = blue\n');
    expect(await stat(copy)).toMatchObject({ uid: 1234, gid: 5678 });
    const other = await unpacked(pathIn(engine.taken, 'settings.ini'), join(stack.folder, 'single'));
    expect(await readFile(other, 'utf8')).toBe('colour = blue\n');
    expect(await stat(other)).toMatchObject({ uid: 1234, gid: 5678 });
  });

  it('must copy a bind whose path is odd', async () => {
    expect(await readFile(join(pathIn(host.taken, oddBind), 'file'), 'utf8')).toBe('odd\n');
  });

  it('must copy a bind inside another one with that one, and say so', async () => {
    expect(await readFile(join(pathIn(host.taken, 'outer'), 'inner/file'), 'utf8')).toBe('inner\n');
    const skipped = host.taken.skipped.find((one) => one.name === join(stack.folder, 'outer/inner'));
    expect(skipped?.reason).toBe(`inside ${join(stack.folder, 'outer')}, which is copied`);
  });

  it.each(['host', 'engine'])('must pass verify and plain sha256sum, copied by the %s', async (way) => {
    const { folder } = (way === 'host' ? host : engine).taken;
    const sums = await run(['sha256sum', '--check', '--quiet', '--strict', 'SHA256SUMS'], { cwd: folder });
    expect({ exitCode: sums.exitCode, stderr: sums.stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(await runTool(['verify', folder], { cwd: stack.folder })).toMatchObject({ exitCode: 0 });
  });

  it('must leave no helper container and no helper image', async () => {
    for (const { run } of [host.taken, engine.taken]) {
      expect(await holdersOf(run)).toEqual([]);
      expect(await holderImagesOf(run)).toEqual([]);
    }
  });

  it('must copy what `include` and `exclude` leave, and say what they left out', async () => {
    const { ended, taken } = await backUp({
      include: ['sb-test-external-*', '*/settings.ini', '*unwanted'],
      exclude: ['unwanted'],
    });
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(taken.mounts.map(shortName).sort()).toEqual(['external', 'settings.ini']);
    const left = taken.skipped.filter(({ reason }) => reason === 'left out by include/exclude');
    expect(left.map(shortName).sort()).toEqual(
      [oddBind, 'anonymous', 'bound', 'odd', 'outer', 'outer/inner', 'unwanted'].sort(),
    );
    expect(lasting(await stack.ps())).toEqual(before);
  });
});
