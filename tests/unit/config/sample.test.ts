import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { schemaPath } from '../../../src/base/schema.ts';
import { readDocument } from '../../../src/config/file/document.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { resolveInstances } from '../../../src/config/resolve.ts';
import { type SampleStack, writeSample } from '../../../src/config/sample.ts';
import { validateConfig } from '../../../src/config/validate.ts';
import { casesOf } from '../../support/cases.ts';
import { check, folderWith } from './fixture.ts';

const core: SampleStack = {
  project: 'core',
  folder: '/srv/core',
  composeFiles: ['/srv/core/compose.yaml', '/srv/core/../shared/more.yaml', '/opt/far/away.yaml'],
  envFile: '/srv/core/env/local/core.env',
  services: [
    { name: 'db', image: 'postgres:17', hasPostgres: true },
    { name: 'app', image: 'app:1', hasPostgres: false },
  ],
  sqlite: [{ service: 'app', path: '/data/app.db' }],
  schema: './schemas/config.schema.json',
};

describe('writeSample', () => {
  test('begins with what is known of the project', () => {
    const text = writeSample(core);
    expect(text.split('\n    ##')[0]).toBe(`# yaml-language-server: $schema=./schemas/config.schema.json
# Snapshots of the Compose project core. See what would happen: stack-backup plan core
backups: ./backups                # each snapshot is a folder in here
instances:
  core:
    compose_files: [compose.yaml, ../shared/more.yaml, /opt/far/away.yaml]
    env_file: env/local/core.env
    quiesce: stop                 # stop | pause | none: how services are held still
    hooks:
      - kind: postgres            # pg_dump of every database, and the roles (postgres:17)
        service: db
      - kind: sqlite              # check, fold the write-ahead log in, save a copy
        service: app
        path: /data/app.db
`);
  });

  test('is read back as the project it was written for', async () => {
    await using folder = await folderWith({ 'compose.yaml': '', 'env/local/core.env': '' });
    const stack: SampleStack = {
      ...core,
      folder: folder.path,
      composeFiles: [join(folder.path, 'compose.yaml')],
      envFile: join(folder.path, 'env/local/core.env'),
      schema: schemaPath('config.schema.json'),
    };
    await writeFile(join(folder.path, 'backup.config.yaml'), writeSample(stack));
    const config = await loadConfig({ cwd: folder.path, env: {} });
    if (!config) throw new Error('not found');
    const [instance] = await resolveInstances(config, ['core'], { env: {} });
    expect(instance).toMatchObject({
      project: 'core',
      composeFiles: stack.composeFiles,
      envFile: stack.envFile,
      quiesce: 'stop',
      hooks: [
        { kind: 'postgres', service: 'db' },
        { kind: 'sqlite', service: 'app', path: '/data/app.db' },
      ],
    });
  });

  test('stays valid when its comments are put in force', () => {
    const text = writeSample(core);
    const inForce = text.replace(/^ {4}# /gm, '    ');
    expect(inForce).not.toBe(text);
    const { instances } = check(inForce);
    expect(instances?.core).toMatchObject({
      timezone: 'Europe/Berlin',
      exclude: ['cache-*'],
      logs: true,
      limits: { health: '2m', max_downtime: '10m', engine: '10m', read_rate: '50MB/s' },
      services: { db: { quiesce: 'none' } },
    });
    const hookLines = inForce.match(/^ {4}## {3}.*$/gm)?.map((line) => line.replace('    ##', '   '));
    expect(hookLines?.[0]).toBe('      - kind: command');
    expect(() => check(`instances:\n  core:\n    hooks:\n${hookLines?.join('\n')}`)).not.toThrow();
  });

  test('gives a project that is called like a command another name', () => {
    const { instances } = check(writeSample({ ...core, project: 'list' }));
    expect(instances).toMatchObject({ 'list-stack': { project: 'list' } });
  });

  test('is valid for a project of which nothing more is known', () => {
    const { project, folder, schema } = core;
    const text = writeSample({ project, folder, schema, composeFiles: [], services: [], sqlite: [] });
    expect(check(text)).toEqual({ backups: './backups', instances: { core: { quiesce: 'stop' } } });
  });

  test('leaves out what cannot be written', () => {
    const text = writeSample({
      ...core,
      services: [{ name: '../x', image: 'postgres\n    logs: true', hasPostgres: true }],
      sqlite: [
        { service: 'a b', path: '/data/a.db' },
        { service: 'app', path: 'a.db' },
        { service: 'app', path: '/data/../etc/a.db' },
      ],
    });
    expect(check(text).instances?.core).not.toHaveProperty('hooks');
  });

  const anyText = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({
      unit: fc.constantFrom(
        '\n',
        '\r',
        '\u0085',
        '\u2028',
        ' ',
        '#',
        ':',
        '$',
        '{',
        '}',
        '"',
        "'",
        '\u001b',
        'a',
      ),
    }),
    fc.constantFrom(
      'null',
      'true',
      '1',
      '1e3',
      '~',
      '-',
      '---',
      '...',
      '.',
      '0x1f',
      'y',
      'on',
      '<<',
      '=',
      '__proto__',
      '.inf',
      '0o7',
      '1_000',
    ),
  );
  const serviceName = fc.oneof(fc.stringMatching(/^[a-zA-Z0-9._-]{1,8}$/), anyText);
  const project = fc.oneof(
    fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,20}$/),
    fc.constantFrom('null', 'true', '1', '0x1f', '1_0', 'no', 'show', '1e3'),
  );

  test('is valid, and means the same, whatever the names hold', () => {
    const stack = fc.record({
      project,
      folder: fc.constant('/srv/core'),
      schema: anyText,
      composeFiles: fc.array(anyText.map((text) => `/srv/core/${text.replaceAll(/[/\0]/g, '_') || 'x'}`)),
      services: fc.array(fc.record({ name: serviceName, image: anyText, hasPostgres: fc.boolean() })),
      sqlite: fc.array(fc.record({ service: serviceName, path: anyText.map((text) => `/data/${text}`) })),
    });
    fc.assert(
      fc.property(stack, (value) => {
        const config = validateConfig('x', readDocument(writeSample(value), {}));
        const [entry, ...others] = Object.entries(config.instances ?? {});
        expect(others).toEqual([]);
        const instance = entry?.[1];
        expect(instance?.project ?? entry?.[0]).toBe(value.project);
        const files = instance?.compose_files?.map((file) => resolve('/srv/core', file)) ?? [];
        expect(new Set(files)).toEqual(new Set(value.composeFiles.map((file) => resolve(file))));
        for (const hook of instance?.hooks ?? []) {
          if (hook.kind === 'sqlite')
            expect(value.sqlite).toContainEqual({ service: hook.service, path: hook.path });
          else expect(value.services.map(({ name }) => name)).toContain(hook.service);
        }
      }),
      { numRuns: casesOf(1000) },
    );
  });
});
