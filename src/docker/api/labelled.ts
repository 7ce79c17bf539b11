import type Docker from 'dockerode';
import { removeContainer } from './reader.ts';

const ignoreGone = (error: { statusCode?: number }): void => {
  if (error.statusCode !== 404) throw error;
};

/** What was asked for by somebody who has been ended since may come to be only now. */
const rounds = 3;

const removeContainers = async (docker: Docker, label: string): Promise<void> => {
  for (let round = 0; round < rounds; round++) {
    const found = await docker.listContainers({ all: true, filters: { label: [label] } });
    if (found.length === 0) return;
    for (const { Id } of found) await removeContainer(docker.getContainer(Id));
  }
};

/**
 * Removes every container, network and volume that carries a label (`key=value`), anonymous volumes of the
 * containers too: whatever there is of them.
 */
export const removeAllLabelled = async (docker: Docker, label: string): Promise<void> => {
  const filters = { label: [label] };
  await removeContainers(docker, label);
  for (const { Id } of await docker.listNetworks({ filters }))
    await docker.getNetwork(Id).remove().catch(ignoreGone);
  const { Volumes } = await docker.listVolumes({ filters });
  for (const { Name } of Volumes ?? []) await docker.getVolume(Name).remove().catch(ignoreGone);
};
