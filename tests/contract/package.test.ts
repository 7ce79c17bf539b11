import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { repository } from '../support/tool.ts';

const execute = promisify(execFile);
/** The Node that runs this test comes first, as it would where it is installed. */
const PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;

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
  const text = 'hashed by a worker';
  await writeFile(join(consumer, 'file'), text);
  const script = `
    const { hashFiles } = await import(process.cwd() + '/node_modules/stack-backup/dist/snapshot/hashing.js');
    const requests = async function* () { yield [{ item: 1, path: Buffer.from('file'), size: ${text.length} }]; };
    for await (const [{ sha256 }] of hashFiles(process.cwd(), requests())) console.log(sha256);`;
  const printed = await inConsumer(process.execPath, '--input-type=module', '-e', script);
  expect(printed.trim()).toBe(createHash('sha256').update(text).digest('hex'));
  const program = join(consumer, 'node_modules/stack-backup/dist/hooks/sqlite/process.js');
  expect((await stat(program)).isFile()).toBe(true);
});

test('the guardian stands by in less than 60 MB, and goes when it is dismissed', async () => {
  const script = `
    import { existsSync, readFileSync } from 'node:fs';
    const { startGuardian } = await import(process.cwd() + '/node_modules/stack-backup/dist/run/recovery/guardian.js');
    const guardian = await startGuardian(process.cwd(), 'a-run');
    const status = '/proc/' + guardian.pid + '/status';
    const peak = /^VmHWM:\\s+(\\d+) kB$/m.exec(readFileSync(status, 'utf8'))[1];
    await guardian.dismiss();
    console.log(JSON.stringify({ peak: Number(peak), isThere: existsSync(status) }));`;
  const { peak, isThere } = JSON.parse(
    await inConsumer(process.execPath, '--input-type=module', '-e', script),
  );
  expect(peak * 1024).toBeGreaterThan(10e6);
  expect(peak * 1024).toBeLessThan(60e6);
  expect(isThere).toBe(false);
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
