import {
  appendFile,
  mkdir,
  readFile,
  rename,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/base/disk.ts';
import { readers } from '../../../src/copy/readers.ts';
import { bindPath } from '../../../src/snapshot/layout.ts';
import { type Verification, verifySnapshot } from '../../../src/snapshot/verify.ts';
import { bindTask, makeSnapshot, rewriteSums, volumeTask } from '../../support/made-snapshot.ts';
import { below, makeOddTree, must } from '../../support/odd-tree.ts';
import { temporaryFolder } from '../../support/temporary.ts';

let pristine = '';
let folder = '';
let snapshot = '';
beforeAll(async () => {
  pristine = await temporaryFolder('verify-pristine');
  await prepare(pristine);
});
afterAll(() => removeTree(pristine));
beforeEach(async () => {
  folder = await temporaryFolder('verify');
  snapshot = join(folder, 'core-20261121-031500');
});
afterEach(() => removeTree(folder));

/** A snapshot of a volume (twice) with a file, a folder and a link, and of a bind of one file. */
const prepare = async (into: string): Promise<void> => {
  const [source, made] = [join(into, 'source'), join(into, 'core-20261121-031500')];
  await mkdir(made);
  await mkdir(join(source, 'folder'), { recursive: true });
  await writeFile(join(source, 'file'), 'content');
  await writeFile(join(source, 'folder/inner'), 'more');
  await symlink('file', join(source, 'link'));
  await writeFile(join(into, 'conf'), 'a = 1');
  await makeSnapshot(made, [
    volumeTask('v', source),
    volumeTask('v-2', source),
    bindTask(join(into, 'conf')),
  ]);
};

/** That snapshot and its source, for one test. */
const small = async (): Promise<void> => {
  await must(['cp', '-a', '-T', pristine, folder]);
};

const verified = (): Promise<Verification> => verifySnapshot(snapshot, { readers });

const found = async (): Promise<string[]> =>
  (await verified()).problems.map(({ kind, path }) => `${kind} ${path}`);

describe('verifySnapshot', () => {
  it('leaves the content of what somebody else compares, and looks at all of it', async () => {
    await small();
    for (const name of ['v', 'v-2']) {
      const path = join(snapshot, 'volumes', name, 'file');
      const { atime, mtime } = await stat(path);
      await writeFile(path, 'CONTENT');
      await utimes(path, atime, mtime);
    }
    await writeFile(join(snapshot, 'volumes/v/extra'), '');
    const readElsewhere = [Buffer.from('volumes/v')];
    const { problems } = await verifySnapshot(snapshot, { readers, readElsewhere });
    const told = problems.map(({ kind, path }) => `${kind} ${path}`);
    expect(told).toContain('checksum volumes/v-2/file');
    expect(told).toContain('extra volumes/v/extra');
    expect(told).not.toContain('checksum volumes/v/file');
  });

  it('finds nothing wrong with a snapshot of everything there is, nor does sha256sum', async () => {
    await makeOddTree(join(folder, 'source'));
    await mkdir(snapshot);
    const [result] = await makeSnapshot(snapshot, [volumeTask('odd', join(folder, 'source'))]);
    const told: number[] = [];
    const answer = await verifySnapshot(snapshot, { readers, onProgress: (bytes) => told.push(bytes) });
    expect(answer.problems).toEqual([]);
    expect(answer).toMatchObject({ ok: true, files: (result?.files ?? 0) + 3 });
    expect(told.at(-1)).toBe(answer.bytes);
    await must(['sha256sum', '--check', '--strict', '--quiet', 'SHA256SUMS'], snapshot);
  });

  it('finds nothing wrong after the folder was renamed or copied with everything', async () => {
    await small();
    await must(['cp', '-a', snapshot, join(folder, 'moved')]);
    expect(await verifySnapshot(join(folder, 'moved'), { readers })).toMatchObject({
      ok: true,
      problems: [],
    });
  });

  const damages: readonly {
    readonly name: string;
    readonly damage: (at: (path: string) => string) => Promise<unknown>;
    readonly expected: readonly string[];
  }[] = [
    {
      name: 'one flipped bit, size and time as before',
      damage: async (at) => {
        await must(['cp', '-a', at('volumes/v/file'), join(folder, 'times')]);
        await writeFile(at('volumes/v/file'), 'contenu');
        await must(['touch', '-r', join(folder, 'times'), at('volumes/v/file')]);
      },
      expected: ['checksum volumes/v/file'],
    },
    {
      name: 'a dump cut short',
      damage: (at) => truncate(at('dumps/db/orders.dump'), 3),
      expected: ['checksum dumps/db/orders.dump'],
    },
    {
      name: 'a missing dump',
      damage: (at) => removeTree(at('dumps/db/orders.dump')),
      expected: ['missing dumps/db/orders.dump'],
    },
    {
      name: 'a missing folder with all in it',
      damage: async (at) => {
        await removeTree(at('volumes/v/folder'));
        await must(['touch', '-r', join(folder, 'source'), at('volumes/v')]);
      },
      expected: ['missing volumes/v/folder', 'missing volumes/v/folder/inner'],
    },
    {
      name: 'a whole volume gone',
      damage: (at) => removeTree(at('volumes/v')),
      expected: [
        'missing volumes/v',
        'missing volumes/v/file',
        'missing volumes/v/folder',
        'missing volumes/v/folder/inner',
        'missing volumes/v/link',
      ],
    },
    {
      name: 'an extra file in a volume',
      damage: async (at) => {
        await writeFile(at('volumes/v/new\nfile'), '');
        await must(['touch', '-r', join(folder, 'source'), at('volumes/v')]);
      },
      expected: ["extra 'volumes/v/new\\x0afile'"],
    },
    {
      name: 'extra things outside the volumes',
      damage: async (at) => {
        await mkdir(at('volumes/ghost'));
        await symlink('/etc/passwd', at('dumps/link'));
        await writeFile(at('stray'), '');
        await mkdir(at('.work'));
      },
      expected: ['extra .work', 'extra dumps/link', 'extra stray', 'extra volumes/ghost'],
    },
    {
      name: 'a file that became a link to its own content',
      damage: async (at) => {
        await rename(at('dumps/db/orders.dump'), join(folder, 'elsewhere'));
        await symlink(join(folder, 'elsewhere'), at('dumps/db/orders.dump'));
      },
      expected: ['missing dumps/db/orders.dump'],
    },
    {
      name: 'a volume that became a link',
      damage: async (at) => {
        await rename(at('volumes/v-2'), join(folder, 'elsewhere'));
        await symlink(join(folder, 'elsewhere'), at('volumes/v-2'));
      },
      expected: [
        'index volumes/v-2',
        'missing volumes/v-2/file',
        'missing volumes/v-2/folder',
        'missing volumes/v-2/folder/inner',
        'missing volumes/v-2/link',
      ],
    },
    {
      name: 'a fifo in place of a file',
      damage: async (at) => {
        await removeTree(at('compose/compose.json'));
        await must(['mkfifo', at('compose/compose.json')]);
      },
      expected: ['missing compose/compose.json'],
    },
    {
      name: 'another mode',
      damage: (at) => must(['chmod', '600', at('volumes/v/folder')]),
      expected: ['index volumes/v/folder'],
    },
    {
      name: 'another owner of a link',
      damage: (at) => must(['chown', '-h', '7', at('volumes/v/link')]),
      expected: ['index volumes/v/link'],
    },
    {
      name: 'another time',
      damage: (at) => utimes(at('volumes/v/file'), 1, 1),
      expected: ['index volumes/v/file'],
    },
    {
      name: 'a manifest that somebody edited',
      damage: (at) => must(['sed', '-i', 's/"complete"/"perfect"/', at('manifest.json')]),
      expected: ['manifest manifest.json'],
    },
    { name: 'a missing list', damage: (at) => removeTree(at('SHA256SUMS')), expected: ['sums SHA256SUMS'] },
    {
      name: 'a list that is a link',
      damage: async (at) => {
        await rename(at('SHA256SUMS'), join(folder, 'sums'));
        await symlink(join(folder, 'sums'), at('SHA256SUMS'));
      },
      expected: ['sums SHA256SUMS'],
    },
    {
      name: 'a changed list',
      damage: (at) =>
        appendFile(
          at('SHA256SUMS'),
          `${'0'.repeat(64)}  ../../etc/passwd\nrubbish\n${'0'.repeat(64)}  not-there\n`,
        ),
      expected: ['sums SHA256SUMS', 'sums ../../etc/passwd', 'sums SHA256SUMS', 'missing not-there'],
    },
    {
      name: 'a damaged index (its volume is still checked by its checksums)',
      damage: async (at) => {
        await truncate(at('index/v.ndjson.zst'), 40);
        await writeFile(at('volumes/v/file'), 'changed');
      },
      expected: ['index index/v.ndjson.zst', 'checksum index/v.ndjson.zst', 'checksum volumes/v/file'],
    },
  ];
  for (const { name, damage, expected } of damages) {
    it(`tells of ${name}`, async () => {
      await small();
      await damage((path) => join(snapshot, path));
      const { ok, problems } = await verified();
      expect(problems.map(({ kind, path }) => `${kind} ${path}`).toSorted()).toEqual(expected.toSorted());
      expect(ok).toBe(false);
    });
  }

  it('tells when the list leaves a file out or names one twice, even if the manifest agrees with it', async () => {
    await small();
    const lines = (await readFile(join(snapshot, 'SHA256SUMS'), 'latin1')).split('\n');
    const without = lines.filter((line) => !line.endsWith('  volumes/v/file'));
    const first = without[0] as string;
    await rewriteSums(snapshot, Buffer.from([...without.slice(0, -1), first, ''].join('\n'), 'latin1'));
    expect((await found()).toSorted()).toEqual(
      ['extra volumes/v/file', `sums ${first.slice(66)}`].toSorted(),
    );
  });

  it('checks a bind of one file', async () => {
    await small();
    await writeFile(join(snapshot, bindPath(join(pristine, 'conf'))), 'a = 2');
    expect(await found()).toContain(`checksum ${bindPath(join(pristine, 'conf'))}`);
  });

  it('tells a thousand problems one by one and counts the rest', async () => {
    await small();
    for (let n = 0; n < 1500; n++) await writeFile(below(join(snapshot, 'dumps/db'), `x${n}`), '');
    const { problems } = await verified();
    expect(problems).toHaveLength(1001);
    expect(problems.at(-1)?.message).toContain('500 more');
  });

  it('rejects what is no snapshot, and when it is interrupted', async () => {
    await mkdir(snapshot);
    await expect(verified()).rejects.toMatchObject({ code: 'snapshot-unknown' });
    await small();
    await expect(verifySnapshot(snapshot, { readers, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'interrupted',
    });
  });
});
