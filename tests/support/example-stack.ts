import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/base/process.ts';
import { docker, randomName } from './containers.ts';
import { removeProject } from './removal.ts';
import { composeWith } from './scratch.ts';
import { type ContainerState, states } from './states.ts';
import { repository } from './tool.ts';
import { withoutFilter } from './unfiltered.ts';
import { until } from './until.ts';

export interface ExampleOptions {
  /** Values for the compose file: added to, or put in place of, the defaults. */
  readonly env?: Readonly<Record<string, string>>;
  /** Of `worker`; default 2, as in the compose file. */
  readonly replicas?: number;
}

export interface ExampleStack extends AsyncDisposable {
  readonly project: string;
  /** Scratch folder: compose.yaml, stack.env, config/, uploads/, backup.config.yaml. Absolute, no symlinks. */
  readonly folder: string;
  readonly composeFile: string;
  readonly composeArgs: readonly string[];
  /** What the compose file's variables are set to. */
  readonly env: Readonly<Record<string, string>>;
  readonly envFile: string;
  /** backup.config.yaml in the folder: instance `shop`, backups in `<folder>/backups`. */
  readonly config: string;
  readonly backups: string;
  readonly uploads: string;
  /** Name of the external volume. */
  readonly archiveVolume: string;
  /** Rows in PostgreSQL. */
  orders(): Promise<number>;
  waitForOrders(atLeast: number): Promise<number>;
  /** Runs `docker compose -p … <args>`; throws when it fails. Returns its trimmed output. */
  compose(...args: readonly string[]): Promise<string>;
  ps(): Promise<readonly ContainerState[]>;
  container(service: string, number?: number): Promise<string>;
  /** Removes containers, networks, volumes (anonymous and external ones too) and the folder. */
  down(): Promise<void>;
}

const config = (project: string): string => `\
backups: ./backups
timezone: UTC

instances:
  shop:
    project: ${project}
    compose_files: [compose.yaml]
    env_file: stack.env
    hooks:
      - kind: postgres
        service: db
      - kind: sqlite
        service: app
        path: /data/app.db
`;

/** The files of the example, in a folder of their own so that a test may change them. */
const writeFiles = async (folder: string, project: string, env: Readonly<Record<string, string>>) => {
  const example = join(repository, 'examples/core');
  const compose = await readFile(join(example, 'compose.yaml'), 'utf8');
  await writeFile(join(folder, 'compose.yaml'), withoutFilter(compose));
  await cp(join(example, 'config'), join(folder, 'config'), { recursive: true });
  await mkdir(join(folder, 'uploads'));
  const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(join(folder, 'stack.env'), lines.join(''));
  await writeFile(join(folder, 'backup.config.yaml'), config(project));
};

/** Starts `reports` once, lets it write its line, and stops it: a service the user has stopped. */
const stopReports = async (id: string, compose: ExampleStack['compose']): Promise<void> => {
  await until('reports has written a line', async () => {
    const wrote = await run(['docker', 'exec', id, 'test', '-s', '/archive/reports.csv']);
    return wrote.exitCode === 0;
  });
  await compose('stop', 'reports');
};

/**
 * The example stack under a random project name, on random ports, healthy, taking orders, with `reports`
 * stopped. Several can be up at once. Disposing of it leaves nothing behind.
 */
export const startExample = async (options: ExampleOptions = {}): Promise<ExampleStack> => {
  const project = randomName('shop');
  const archiveVolume = `${project}_archive`;
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'stack-backup-shop-')));
  const uploads = join(folder, 'uploads');
  const env = {
    POSTGRES_USER: 'shop',
    POSTGRES_PASSWORD: 'only-a-test',
    POSTGRES_DB: 'shop',
    SHOP_PORT: '',
    SECONDS_BETWEEN_ORDERS: '0.2',
    UPLOADS_DIR: uploads,
    ARCHIVE_VOLUME: archiveVolume,
    ...options.env,
  };
  const composeFile = join(folder, 'compose.yaml');
  const envFile = join(folder, 'stack.env');
  const composeArgs = ['-p', project, '--env-file', envFile, '-f', composeFile];
  // Given as variables too: they would otherwise yield to those of whoever runs the tests.
  const compose = composeWith(composeArgs, folder, env);
  const down = async (): Promise<void> => {
    try {
      await removeProject(project, [archiveVolume]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  const container = async (service: string, number = 1): Promise<string> => {
    const found = (await states(project)).find((one) => one.service === service && one.number === number);
    if (found === undefined) throw new Error(`${project} has no container ${service}-${number}`);
    return found.id;
  };
  const orders = async (): Promise<number> => {
    const query = [
      'psql',
      '-U',
      env.POSTGRES_USER,
      '-d',
      env.POSTGRES_DB,
      '-tAc',
      'SELECT count(*) FROM orders',
    ];
    return Number(await docker('exec', await container('db'), ...query));
  };
  const waitForOrders = (atLeast: number): Promise<number> =>
    until(
      `there are ${atLeast} orders`,
      async () => {
        const count = await orders();
        return count >= atLeast && count;
      },
      90_000,
      400, // a process in a container each time, in the way of the orders
    );

  try {
    await writeFiles(folder, project, env);
    await docker('volume', 'create', '--label', 'io.stack-backup.test=1', archiveVolume);
    const scale = options.replicas === undefined ? [] : ['--scale', `worker=${options.replicas}`];
    await compose('up', '-d', '--pull', 'never', '--no-build', '--wait', '--wait-timeout', '120', ...scale);
    await stopReports(await container('reports'), compose);
    if (options.replicas !== 0) await waitForOrders(5);
  } catch (error) {
    await down();
    throw error;
  }
  return {
    project,
    folder,
    composeFile,
    composeArgs,
    env,
    envFile,
    config: join(folder, 'backup.config.yaml'),
    backups: join(folder, 'backups'),
    uploads,
    archiveVolume,
    orders,
    waitForOrders,
    compose,
    ps: () => states(project),
    container,
    down,
    [Symbol.asyncDispose]: down,
  };
};
