import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { $ } from 'zx';
import { DemoProblem, say } from './show.ts';

const quiet = $({ quiet: true });
const composeArgs = ['-p', 'core', '--env-file', 'env/local/core.env', '-f', 'examples/core/compose.yaml'];
/** What the stack writes its uploads into unless UPLOADS_DIR says otherwise; ignored by git. */
const dataFolder = 'examples/core/data';
const enoughOrders = 40;
const limitMs = 120_000;

/** What of the resolved compose file the demo needs. */
interface Model {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly ports?: readonly { readonly target: number; readonly published?: string }[];
        readonly volumes?: readonly { readonly source: string; readonly target: string }[];
      }
    >
  >;
  readonly volumes: Readonly<Record<string, { readonly name: string }>>;
}

const readModel = async (): Promise<Model> =>
  JSON.parse((await quiet`docker compose ${composeArgs} config --format json`).stdout) as Model;

const archiveOf = (model: Model): string => model.volumes.archive?.name ?? 'core_archive';

/** `127.0.0.1:18080`, or undefined while the shop does not run. */
const address = async (): Promise<string | undefined> => {
  const asked = await quiet({ nothrow: true })`docker compose ${composeArgs} port app 8080`;
  const found = asked.stdout.trim();
  return asked.exitCode === 0 && /:[1-9]\d*$/.test(found) ? found : undefined;
};

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });

const portTaken = (port: string): DemoProblem =>
  new DemoProblem(`port ${port} of this machine is taken, and the shop wants it`, [
    'Choose another:           SHOP_PORT=18081 npm run demo',
    'or let the engine choose: SHOP_PORT= npm run demo',
  ]);

const checkPort = async (model: Model): Promise<void> => {
  const port = model.services.app?.ports?.find(({ target }) => target === 8080)?.published ?? '';
  if (port === '' || (await address())?.endsWith(`:${port}`)) return;
  if (!(await isFree(Number(port)))) throw portTaken(port);
};

const until = async <T>(what: string, ask: () => Promise<T | undefined>): Promise<T> => {
  const limit = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > limit) {
      throw new DemoProblem(`waited ${limitMs / 1000} s in vain until ${what}`, [
        'Look at: docker compose -p core ps -a, docker compose -p core logs',
      ]);
    }
    await delay(200);
  }
};

/** Orders in the shop, as it says itself. */
export const countOrders = async (): Promise<number | undefined> => {
  const host = await address();
  if (host === undefined) return undefined;
  try {
    const answer = await fetch(`http://${host}/orders`, { signal: AbortSignal.timeout(5_000) });
    return answer.ok ? ((await answer.json()) as { orders: number }).orders : undefined;
  } catch {
    return undefined; // not yet
  }
};

/** Starts `reports`, lets it write a line, stops it again: a service that somebody has stopped. */
const stopReports = async (): Promise<void> => {
  const id = (await quiet`docker compose ${composeArgs} ps -q reports`).stdout.trim();
  const started = (await quiet`docker inspect --format ${'{{.State.StartedAt}}'} ${id}`).stdout.trim();
  await until('reports has written its line', async () => {
    const find = ['find', '/archive/reports.csv', '-newermt', started];
    const found = await quiet({ nothrow: true })`docker exec ${id} ${find}`;
    return found.stdout.trim() === '' ? undefined : true;
  });
  await quiet`docker compose ${composeArgs} stop reports`;
};

/** Brings up what is not up, waits until it is healthy and has taken some orders, and stops `reports`. */
export const bringUp = async (): Promise<void> => {
  const model = await readModel();
  await checkPort(model);
  await quiet`docker volume create ${archiveOf(model)}`;
  const uploads = model.services.app?.volumes?.find(({ target }) => target === '/uploads')?.source;
  if (uploads !== undefined) await mkdir(uploads, { recursive: true });
  say('docker compose up: waiting until every service is healthy');
  const up = await quiet({
    nothrow: true,
  })`docker compose ${composeArgs} up -d --no-build --pull never --wait --wait-timeout 120`;
  if (up.exitCode !== 0) {
    process.stderr.write(up.stdall);
    const taken = /(\d+)[^\n]*(?:port is already allocated|address already in use)/.exec(up.stdall)?.[1];
    throw taken === undefined
      ? new DemoProblem('the stack did not come up; the reason stands above')
      : portTaken(taken);
  }
  await stopReports();
  const orders = await until(`the shop has taken ${enoughOrders} orders`, async () => {
    const count = await countOrders();
    return count !== undefined && count >= enoughOrders ? count : undefined;
  });
  say(`the shop is open at http://${await address()} and has taken ${orders} orders; two workers place more`);
  say('reports was started and stopped again: a backup must leave it so');
};

/** What runs, and what does not. */
export const showContainers = async (): Promise<void> => {
  const format = 'table {{.Name}}\t{{.Service}}\t{{.State}}\t{{.Status}}';
  say((await quiet`docker compose ${composeArgs} ps -a --format ${format}`).stdout.trimEnd());
};

/** Removes the containers, the volumes (the external one too) and the uploads. */
export const takeDown = async (): Promise<void> => {
  const model = await readModel();
  await $({
    stdio: 'inherit',
  })`docker compose ${composeArgs} --profile ${'*'} down --volumes --remove-orphans`;
  const archive = archiveOf(model);
  const there = await quiet({ nothrow: true })`docker volume inspect ${archive}`;
  if (there.exitCode === 0) await quiet`docker volume rm ${archive}`;
  if (existsSync(dataFolder)) await rm(dataFolder, { recursive: true });
};
