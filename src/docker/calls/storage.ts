import type { Engine } from '../engine.ts';
import type { Calls } from './call.ts';

/** Volumes and images. */
export const storageCalls = ({
  docker,
  call,
  must,
}: Calls): Pick<
  Engine,
  'volume' | 'volumes' | 'createVolume' | 'removeVolume' | 'hasImage' | 'imageDigests'
> => ({
  volume: async (name) => {
    const found = await call(
      `inspect volume ${name}`,
      (abortSignal) => docker.getVolume(name).inspect({ abortSignal }),
      { ok: 404 },
    );
    return found === undefined
      ? undefined
      : {
          name: found.Name,
          driver: found.Driver,
          mountpoint: found.Mountpoint,
          labels: found.Labels ?? {},
          options: found.Options ?? {},
        };
  },
  volumes: async (label) => {
    const found = await must('list volumes', (abortSignal) =>
      docker.listVolumes({ filters: { label: [label] }, abortSignal }),
    );
    return (found.Volumes ?? []).map((volume) => volume.Name);
  },
  createVolume: async ({ name, driver, labels, options }) => {
    await must(`create volume ${name}`, (abortSignal) =>
      docker.createVolume({
        Name: name,
        Driver: driver,
        Labels: { ...labels },
        DriverOpts: { ...options },
        abortSignal,
      }),
    );
  },
  removeVolume: async (name) => {
    const remove = (abortSignal: AbortSignal) => docker.getVolume(name).remove({ abortSignal });
    await call(`remove volume ${name}`, remove, { ok: 404 });
  },
  hasImage: async (imageId) => {
    const found = await call(`inspect image ${imageId}`, () => docker.getImage(imageId).inspect(), {
      ok: 404,
    });
    return found !== undefined;
  },
  imageDigests: async (imageId) => {
    const found = await call(`inspect image ${imageId}`, () => docker.getImage(imageId).inspect(), {
      ok: 404,
    });
    return found?.RepoDigests ?? [];
  },
});
