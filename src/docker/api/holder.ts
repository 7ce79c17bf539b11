import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { HolderRequest } from '../engine.ts';
import { removeContainer } from './reader.ts';

export const holderLabel = 'io.stack-backup.run';
const holderImage = 'stack-backup/holder';

/** The end-of-archive mark of a tar with nothing in it: two blocks of zeros. */
const emptyTar = (): Readable => Readable.from([Buffer.alloc(1024)]);

/**
 * Makes a container that is never started, of an image with nothing in it: the archive calls reach the
 * bytes of what it mounts, and nothing has to be pulled. Its image has the run for a tag: two runs never take
 * it from under each other, and whoever looks after a dead run finds it, with or without its container.
 */
export const createHolderContainer = async (docker: Docker, request: HolderRequest): Promise<string> => {
  const tag = request.run;
  const answer = await docker.importImage(emptyTar() as unknown as string, { repo: holderImage, tag });
  for await (const _ of answer) {
    // the image is there when the answer has been read to its end
  }
  const container = await docker.createContainer({
    Image: `${holderImage}:${tag}`,
    Cmd: ['never-started'],
    Labels: { [holderLabel]: request.run },
    NetworkDisabled: true,
    HostConfig: {
      NetworkMode: 'none',
      Mounts: request.mounts.map((mount) => ({
        Type: mount.kind,
        Source: mount.source,
        Target: mount.target,
        ReadOnly: mount.readOnly,
        ...(mount.kind === 'volume' ? { VolumeOptions: { NoCopy: true } } : {}),
        ...(mount.ofEngine === true ? { BindOptions: { Propagation: 'rslave' } } : {}),
      })) as unknown as Docker.MountConfig,
    },
  });
  return container.id;
};

const ignoreGone = (error: { statusCode?: number }): void => {
  if (error.statusCode !== 404) throw error;
};

/** Removes the holders of a run and the empty image they were made of: whatever there is of them. */
export const removeHolderContainers = async (docker: Docker, run: string): Promise<void> => {
  const label = [`${holderLabel}=${run}`];
  for (const { Id } of await docker.listContainers({ all: true, filters: { label } }))
    await removeContainer(docker.getContainer(Id), { v: false });
  await docker.getImage(`${holderImage}:${run}`).remove({ force: true }).catch(ignoreGone);
};
