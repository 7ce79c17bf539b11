import { listContainers } from '../../support/ask-engine.ts';

/** One call, and cheap: states and health of a project's containers as the engine lists them. */
export const glance = async (project: string): Promise<string> =>
  (await listContainers({ label: `com.docker.compose.project=${project}` }))
    .map(({ Id, State, Status }) => `${Id} ${State} ${/\((.*healthy|health: .*)\)/.exec(Status)?.[1] ?? ''}`)
    .sort()
    .join('\n');

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Waits for the end of a process of somebody else's; false when it does not come. */
export const goneWithin = async (pid: number, limitMs: number): Promise<boolean> => {
  for (const limit = Date.now() + limitMs; Date.now() < limit; ) {
    if (!isThere(pid)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
};

/**
 * Looks at a project until `enough` says so; then: since when (ms since 1970) it has looked as it should
 * without a break. Undefined while it does not.
 */
export const sinceWhen = async (
  project: string,
  wanted: string,
  enough: Promise<unknown>,
): Promise<number | undefined> => {
  let isOver = false;
  const over = enough.finally(() => {
    isOver = true;
  });
  let since: number | undefined;
  const look = async (): Promise<void> => {
    const asked = Date.now();
    const isWanted = (await glance(project)) === wanted;
    if (!isWanted) since = undefined;
    else since ??= asked;
  };
  while (!isOver) {
    await look();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await over;
  await look();
  return since;
};
