import type { SqliteHook } from '../../src/config/types.ts';
import type { ContainerDetails, ContainerMount, Engine } from '../../src/docker/engine.ts';
import type { HookContext } from '../../src/hooks/types.ts';
import type { Stack, StackContainer } from '../../src/stack/types.ts';

/** An engine that no test expects to be asked. */
const noEngine = new Proxy({} as Engine, {
  get: (_target, call) => {
    throw new Error(`the engine was asked for ${String(call)}`);
  },
});

/** A container as it would have been observed. */
export const stackContainer = (
  service: string,
  details: Partial<ContainerDetails> = {},
  number = 1,
): StackContainer => ({
  id: details.id ?? `${service}-${number}`,
  name: details.name ?? `test-${service}-${number}`,
  service,
  number,
  oneOff: false,
  details: { state: 'running', env: [], mounts: [], ...details } as unknown as ContainerDetails,
});

export const bind = (source: string, destination: string): ContainerMount => ({
  type: 'bind',
  source,
  destination,
  writable: true,
});

/** The context of a hook in a stack of these containers. */
export const hookContext = (
  containers: readonly StackContainer[],
  over: Partial<HookContext> = {},
): HookContext => ({
  engine: noEngine,
  hostPaths: true,
  stack: { project: 'test', containers } as unknown as Stack,
  folder: '/nonexistent',
  instance: 'test',
  phase: 'before-stop',
  signal: new AbortController().signal,
  ...over,
});

/** A hook that checks `/srv/app.db` of `app`, and saves it; `over` is what it has else. */
export const sqliteHook = (over: Partial<SqliteHook> = {}): SqliteHook => ({
  kind: 'sqlite',
  name: 'sqlite-app',
  phase: 'before-stop',
  timeout: 30_000,
  onFailure: 'abort',
  service: 'app',
  path: '/srv/app.db',
  check: 'full',
  checkpoint: true,
  backup: true,
  ...over,
});
