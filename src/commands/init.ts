import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { errnoOf, StackBackupError } from '../base/errors.ts';
import { schemaPath } from '../base/schema.ts';
import { configFileName } from '../config/load.ts';
import { instanceFromRunning, processTimezone } from '../config/resolve.ts';
import { writeSample } from '../config/sample.ts';
import { selectStacks } from '../config/select.ts';
import { connectEngine } from '../docker/dockerode.ts';
import { sqliteFiles } from '../hooks/sqlite/find.ts';
import { composeLabel } from '../stack/labels.ts';
import { observeStack, runningProjects } from '../stack/observe.ts';
import type { Stack } from '../stack/types.ts';
import { backupsFolders } from './session/backups.ts';
import { recoverFirst } from './session/dead-runs.ts';
import type { World } from './session/session.ts';

const servicesOf = (stack: Stack) =>
  [...Map.groupBy(stack.containers, (one) => one.service)].map(([name, containers]) => ({
    name,
    image: containers[0]?.details.image ?? '',
    hasPostgres: containers.some((one) =>
      one.details.env.some((line) => line.startsWith('POSTGRES_') || line.startsWith('PGDATA=')),
    ),
  }));

const firstOf = (label: string | undefined): string | undefined =>
  (label ?? '').split(',').find((part) => part !== '');

/** Written only where nothing stands: an existing configuration is never overwritten. */
const writeNew = async (path: string, text: string): Promise<void> => {
  try {
    const file = await open(path, 'wx', 0o644);
    await file.writeFile(text);
    await file.close();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    throw new StackBackupError('usage', `${path} exists already`, {
      next: 'Move it away first, or see what would be written with `stack-backup init --print`.',
    });
  }
};

/** `stack-backup init <project>`: writes a commented configuration for a running project. */
export const init = async (world: World, project: string, print: boolean): Promise<number> => {
  const engine = await connectEngine();
  const session = { world, engine, info: await engine.info() };
  // What is wrong with a configuration that is there already is not its affair.
  const folders = await backupsFolders(world).catch(() => [resolve(world.cwd, 'backups')]);
  await recoverFirst(session, folders, false);
  const running = await runningProjects(engine);
  selectStacks({ configured: [], running, requested: [project], all: false });
  const stack = await observeStack(
    engine,
    instanceFromRunning(project, join(world.cwd, 'backups'), processTimezone(world.env)),
  );
  const envFile = firstOf(stack.containers[0]?.details.labels[composeLabel.environmentFile]);
  const text = writeSample({
    project,
    folder: world.cwd,
    composeFiles: stack.composeFiles,
    ...(envFile === undefined ? {} : { envFile }),
    services: servicesOf(stack),
    sqlite: await sqliteFiles(stack),
    schema: schemaPath('config.schema.json'),
  });
  if (print) {
    world.stdout.write(text);
    return 0;
  }
  const path = join(world.cwd, configFileName);
  await writeNew(path, text);
  world.stdout.write(`wrote ${path}\nnext: \`stack-backup plan ${project}\` shows what a backup would do\n`);
  return 0;
};
