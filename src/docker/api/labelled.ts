import type Docker from 'dockerode';

const ignoreGone = (error: { statusCode?: number }): void => {
  if (error.statusCode !== 404) throw error;
};

/**
 * Removes every container, network and volume that carries a label (`key=value`), anonymous volumes of the
 * containers too: whatever there is of them.
 */
export const removeAllLabelled = async (docker: Docker, label: string): Promise<void> => {
  const filters = { label: [label] };
  for (const { Id } of await docker.listContainers({ all: true, filters }))
    await docker.getContainer(Id).remove({ force: true, v: true }).catch(ignoreGone);
  for (const { Id } of await docker.listNetworks({ filters }))
    await docker.getNetwork(Id).remove().catch(ignoreGone);
  const { Volumes } = await docker.listVolumes({ filters });
  for (const { Name } of Volumes ?? []) await docker.getVolume(Name).remove().catch(ignoreGone);
};
