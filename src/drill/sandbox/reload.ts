import type { Engine } from '../../docker/engine.ts';

/** Has a PostgreSQL server, process 1 of its container, read its rules again. */
export const reloadServer = async (engine: Engine, container: string, signal: AbortSignal): Promise<void> => {
  await engine.exec(container, { command: ['sh', '-c', 'kill -HUP 1'], signal });
};
