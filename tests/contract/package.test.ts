import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { guardianFlags } from '../../src/run/recovery/guardian.ts';
import { makeSnapshot, volumeTask } from '../support/made-snapshot.ts';
import { bookOf } from '../support/reliability/book.ts';
import { repository } from '../support/tool.ts';

const execute = promisify(execFile);
/** The Node that runs this test comes first, as it would where it is installed. */
const PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;

const book = bookOf('guardian');

let folder: string;
let tarball: string;
/** An empty folder into which nothing but the tarball was installed. */
let consumer: string;

const inConsumer = async (file: string, ...args: readonly string[]): Promise<string> =>
  (await execute(file, [...args], { cwd: consumer, env: { ...process.env, PATH } })).stdout;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'stack-backup-package-')));
  await execute('npm', ['pack', '--pack-destination', folder], {
    cwd: repository,
    env: { ...process.env, PATH },
  });
  const [name = ''] = await readdir(folder);
  tarball = join(folder, name);
  consumer = join(folder, 'consumer');
  await mkdir(consumer);
  await writeFile(join(consumer, 'package.json'), '{ "private": true, "type": "module" }');
  const quick = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  await inConsumer('npm', 'install', ...quick, tarball);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('the tarball holds the program, its types and the schemas, and no sources or tests', async () => {
  const listed = await inConsumer('tar', '-tzf', tarball);
  const files = listed.trim().split('\n');
  expect(files).toEqual(
    expect.arrayContaining([
      'package/package.json',
      'package/LICENSE',
      'package/dist/main.js',
      'package/dist/cli.js',
      'package/dist/index.d.ts',
      'package/schemas/config.schema.json',
    ]),
  );
  const places = new Set(files.map((file) => file.split('/')[1]));
  const allowed = ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json', 'schemas'];
  expect([...places].filter((place) => !allowed.includes(place ?? ''))).toEqual([]);
  expect(files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([]);
});

test('what is not in the tarball is a dependency, and what is in it of others has its licence there', async () => {
  const dist = join(consumer, 'node_modules/stack-backup/dist');
  const files = (await readdir(dist, { recursive: true })).filter((file) => file.endsWith('.js'));
  const code = (await Promise.all(files.map((file) => readFile(join(dist, file), 'utf8')))).join('\n');
  const loaded = [...code.matchAll(/(?:equire|\.href\))\("([^".][^"]*)"\)/g)]
    .map(([, name = '']) => name)
    .filter((name) => !isBuiltin(name));
  const { dependencies } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));
  // What `debug` would use if somebody else had installed it.
  const optional = ['supports-color'];
  expect([...new Set(loaded)].sort()).toEqual([...Object.keys(dependencies), ...optional].sort());
  const notices = await readFile(join(dist, 'THIRD-PARTY.md'), 'utf8');
  for (const name of ['ajv', 'commander', 'dockerode', 'execa', 'yaml'])
    expect(notices).toMatch(new RegExp(`^## ${name} \\d.*\\n\\n.{10}`, 'm'));
});

test('the installed program can reach an engine through SSH', async () => {
  const env = { ...process.env, PATH, DOCKER_HOST: 'ssh://nobody@127.0.0.1:1' };
  const doctor = execute('npx', ['--no-install', 'stack-backup', 'doctor'], { cwd: consumer, env });
  await expect(doctor).rejects.toMatchObject({ stdout: expect.stringContaining('ECONNREFUSED') });
});

test('the installed program says its version', async () => {
  const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));
  expect(await inConsumer('npx', '--no-install', 'stack-backup', '--version')).toBe(`${version}\n`);
});

test('the installed program explains a configuration by the schema it brought along', async () => {
  await writeFile(
    join(consumer, 'backup.config.yaml'),
    'instances:\n  shop: { compose_file: compose.yaml }\n',
  );
  const plan = inConsumer('npx', '--no-install', 'stack-backup', 'plan', 'shop');
  await expect(plan).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('compose_file') });
});

test('the programs it starts beside itself are there as JavaScript', async () => {
  const dist = join(consumer, 'node_modules/stack-backup/dist');
  for (const program of [
    'hooks/sqlite/process.js',
    'run/recovery/guardian-main.js',
    'snapshot/hash-worker.js',
  ])
    expect((await stat(join(dist, program))).isFile()).toBe(true);
});

test('the installed program verifies a snapshot, with threads that hash', async () => {
  const source = join(folder, 'source');
  await mkdir(source);
  await writeFile(join(source, 'large'), Buffer.alloc(3e6, 'large enough for a thread'));
  const snapshot = join(folder, 'shop-20261121-031500');
  await mkdir(snapshot);
  await makeSnapshot(snapshot, [volumeTask('shop_data', source)]);
  const told = await inConsumer(
    'npx',
    '--no-install',
    'stack-backup',
    'verify',
    '--backups',
    folder,
    snapshot,
  );
  expect(told).toContain('is whole');
});

test('the guardian stands by in less than 60 MB, and goes when it is dismissed', async () => {
  const program = join(consumer, 'node_modules/stack-backup/dist/run/recovery/guardian-main.js');
  const args = [...guardianFlags, program, consumer, 'a-run'];
  const guardian = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(guardian, 'exit');
  await once(guardian.stdout, 'data');
  const status = await readFile(`/proc/${guardian.pid}/status`, 'utf8');
  guardian.stdin.end('done\n');
  expect(await ended).toEqual([0, null]);
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  expect(peak).toBeGreaterThan(10e6);
  expect(peak).toBeLessThan(60e6);
  book.measured('memory of the guardian that stands by', [peak / 1e6]);
});

test('a program in TypeScript gets the types of a manifest', async () => {
  const compile = async (version: number): Promise<string> => {
    const code = `import type { Manifest } from 'stack-backup';\nexport const version: Manifest['version'] = ${version};\n`;
    await writeFile(join(consumer, 'reads.ts'), code);
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--skipLibCheck'];
    const types = ['--typeRoots', join(repository, 'node_modules/@types'), '--types', 'node'];
    const tsc = join(repository, 'node_modules/.bin/tsc');
    return inConsumer(tsc, ...flags, ...types, 'reads.ts');
  };
  await compile(1);
  await expect(compile(2)).rejects.toMatchObject({
    stdout: expect.stringContaining("'2' is not assignable"),
  });
});
