import { chmod, mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { composeProgram } from '../../../../src/docker/compose/program.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

describe('the program that answers `docker compose config`', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await realpath(await temporaryFolder('compose'));
    for (const name of ['bin/docker', 'second/docker-compose']) await program(name);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const at = (name: string): string => join(folder, name);
  const program = async (name: string): Promise<string> => {
    await mkdir(dirname(at(name)), { recursive: true });
    await writeFile(at(name), '#!/bin/sh\n', { mode: 0o755 });
    return at(name);
  };
  const found = async (env: NodeJS.ProcessEnv = {}): Promise<readonly string[]> => {
    const places = { cli: [at('bin/docker')], plugins: [at('first'), at('second')] };
    return (
      await composeProgram(
        { PATH: `${at('none')}:${at('bin')}`, DOCKER_CONFIG: at('config'), ...env },
        places,
      )
    ).command;
  };
  const throughDocker = ['docker', 'compose'];

  it('is the plugin that the docker CLI would find first, told that it is one', async () => {
    expect(await found()).toEqual([at('second/docker-compose'), 'compose']);
    await program('first/docker-compose');
    expect(await found()).toEqual([at('first/docker-compose'), 'compose']);
    await program('config/cli-plugins/docker-compose');
    await writeFile(at('config/config.json'), '{"currentContext": "default"}');
    expect(await found()).toEqual([at('config/cli-plugins/docker-compose'), 'compose']);
  });

  it('is the docker CLI where that is missing, or is another one', async () => {
    expect(await found({ PATH: '' })).toEqual(throughDocker);
    await program('other/docker');
    expect(await found({ PATH: `${at('other')}:${at('bin')}` })).toEqual(throughDocker);
    await rm(at('bin/docker'));
    await symlink(at('other/docker'), at('bin/docker'));
    expect(await found()).toEqual(throughDocker);
  });

  it('is the docker CLI where it may look for plugins elsewhere, finds none, or one that cannot be run', async () => {
    await mkdir(at('config/config.json'), { recursive: true });
    expect(await found()).toEqual(throughDocker);
    await rm(at('config/config.json'), { recursive: true });
    await writeFile(at('config/config.json'), '{"cliPluginsExtraDirs": ["/opt"]}');
    expect(await found()).toEqual(throughDocker);
    await rm(at('config/config.json'));
    await chmod(await program('first/docker-compose'), 0o644);
    expect(await found()).toEqual(throughDocker);
    for (const name of ['first', 'second']) await rm(at(name), { recursive: true });
    expect(await found()).toEqual(throughDocker);
  });
});
