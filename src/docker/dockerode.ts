import { hostname, release } from 'node:os';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { messageOf, StackBackupError } from '../base/errors.ts';
import { heeding } from '../base/wait/heed.ts';
import { whileAnswering } from './api/answering.ts';
import { openArchive } from './api/archive.ts';
import { demultiplex } from './api/demux.ts';
import { execIn } from './api/exec.ts';
import { createHolderContainer, removeHolderContainers } from './api/holder.ts';
import { detailsOf, runningOf } from './api/inspected.ts';
import { removeAllLabelled } from './api/labelled.ts';
import { removeDeadReaders, runReader } from './api/reader.ts';
import { eventOf, linesOf, logStream, openLog } from './api/streams.ts';
import { type Endpoint, resolveEndpoint } from './endpoint.ts';
import type { ContainerDetails, Engine, EngineInfo } from './engine.ts';
import { engineFailure, notAnEngine, statusOf } from './failure.ts';

/** The oldest Engine API whose behaviour was measured (Docker Engine 20.10). */
const oldestApi = [1, 41] as const;

/** Deadlines in ms. Archive calls lock their container, and a busy engine answers an inspect late. */
const callLimit = 60_000;
/** Many containers and large volumes, one after the other. */
const removalLimit = 600_000;
/** It holds no lock and asks nobody: an engine that takes longer for it is as good as gone. */
const pingLimit = 5_000;
/** As long as a timer can last. */
const longest = 2 ** 31 - 1;
const defaultGraceSeconds = 10;

const isOld = (apiVersion: string): boolean => {
  const [major = 0, minor = 0] = apiVersion.split('.').map(Number);
  return major < oldestApi[0] || (major === oldestApi[0] && minor < oldestApi[1]);
};

/** Connects to the engine the docker CLI would use, and makes sure that it answers and is new enough. */
export const connectEngine = async (endpoint?: Endpoint): Promise<Engine> => {
  // It takes long to load, and what needs no engine needs no dockerode.
  const [at, { default: Dockerode }] = await Promise.all([
    endpoint ?? resolveEndpoint(),
    import('dockerode'),
  ]);
  const engine = createEngine(new Dockerode(at.options), at.address);
  const info = await engine.info();
  if (isOld(info.apiVersion))
    throw new StackBackupError(
      'engine-too-old',
      `the engine at ${at.address} is ${info.version} (API ${info.apiVersion}); API ${oldestApi.join('.')} is needed`,
      { next: 'Upgrade to Docker Engine 20.10 or newer.' },
    );
  return engine;
};

/**
 * The runtime gives up freezing when the processes do not all come to rest in time, as on a busy machine, and thaws
 * them again. Asked once more it succeeds as a rule.
 */
const freezing = async (ask: () => Promise<unknown>, attempts = 5): Promise<void> => {
  try {
    await ask();
  } catch (error) {
    if (attempts === 1 || !messageOf(error).includes('unable to freeze')) throw error;
    await freezing(ask, attempts - 1);
  }
};

const createEngine = (docker: Docker, address: string): Engine => {
  let isLocal: boolean | undefined;

  /** One call with its deadline, its failure in our words. `ok` lists statuses that mean "already so". */
  const call = async <T>(
    doing: string,
    work: (signal: AbortSignal) => Promise<T>,
    options: {
      readonly signal?: AbortSignal | undefined;
      readonly limit?: number;
      readonly ok?: number;
    } = {},
  ): Promise<T | undefined> => {
    const deadline = AbortSignal.timeout(options.limit ?? callLimit);
    const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
    try {
      // Not every call of dockerode knows the signal, and an answer that is cut off it awaits for ever.
      return await heeding(signal, () => work(signal));
    } catch (error) {
      if (options.ok !== undefined && statusOf(error) === options.ok) return undefined;
      throw engineFailure(error, doing, address, options.signal);
    }
  };
  const must = async <T>(doing: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    (await call(doing, work)) as T;

  const inspect = async (id: string): Promise<ContainerDetails> =>
    detailsOf(
      await must(`inspect container ${id}`, (abortSignal) =>
        docker.getContainer(id).inspect({ abortSignal }),
      ),
    );

  const ping = async (): Promise<void> => {
    const doing = 'ask whether the engine is there';
    await call(doing, (abortSignal) => abortable(docker).ping({ abortSignal }), { limit: pingLimit });
  };

  const info = async (): Promise<EngineInfo> => {
    const said = await must('ask the engine what it is', (abortSignal) =>
      Promise.all([abortable(docker).info({ abortSignal }), abortable(docker).version({ abortSignal })]),
    );
    const [about, version] = said;
    if (typeof version.ApiVersion !== 'string') throw notAnEngine(address);
    isLocal = address.startsWith('unix://') && about.Name === hostname() && about.KernelVersion === release();
    return {
      id: about.ID ?? '',
      version: version.Version,
      apiVersion: version.ApiVersion,
      name: about.Name ?? '',
      os: about.OperatingSystem ?? '',
      kernel: about.KernelVersion ?? '',
      rootDir: about.DockerRootDir ?? '',
      local: isLocal,
    };
  };

  return {
    endpoint: address,
    ping,
    info,
    inspect,
    containers: async (labels) => {
      const found = await must('list containers', (abortSignal) =>
        docker.listContainers({ all: true, filters: { label: [...labels] }, abortSignal }),
      );
      return found.map((container) => container.Id);
    },
    running: async () => {
      const found = await must('list running containers', (abortSignal) =>
        docker.listContainers({ abortSignal }),
      );
      return found.map(runningOf);
    },
    stop: async (id, signal) => {
      const { stopTimeout } = await inspect(id);
      // A negative grace period means: wait for ever. The caller's signal is the limit then.
      const grace = stopTimeout ?? defaultGraceSeconds;
      const limit = grace < 0 ? longest : grace * 1000 + callLimit;
      await call(`stop container ${id}`, (abortSignal) => docker.getContainer(id).stop({ abortSignal }), {
        signal,
        limit,
        ok: 304,
      });
    },
    kill: async (id) => {
      await call(`kill container ${id}`, (abortSignal) => docker.getContainer(id).kill({ abortSignal }), {
        ok: 409,
      });
    },
    start: async (id, signal) => {
      await call(`start container ${id}`, (abortSignal) => docker.getContainer(id).start({ abortSignal }), {
        signal,
        ok: 304,
      });
    },
    pause: async (id) => {
      const ask = () =>
        must(`pause container ${id}`, (abortSignal) => docker.getContainer(id).pause({ abortSignal }));
      await freezing(ask);
    },
    unpause: async (id) => {
      await must(`unpause container ${id}`, (abortSignal) =>
        docker.getContainer(id).unpause({ abortSignal }),
      );
    },
    setRestartPolicy: async (id, policy) => {
      await must(`set the restart policy of container ${id}`, () =>
        docker.getContainer(id).update({
          RestartPolicy: { Name: policy.name, MaximumRetryCount: policy.maximumRetryCount },
        }),
      );
    },
    exec: async (id, request) => {
      try {
        return await execIn(docker.getContainer(id), request, isLocal ?? (await info()).local);
      } catch (error) {
        throw engineFailure(
          error,
          `run ${request.command[0] ?? ''} in container ${id}`,
          address,
          request.signal,
        );
      }
    },
    read: async (request) => {
      try {
        return await runReader(docker, request);
      } catch (error) {
        const doing = `run ${request.command[0] ?? ''} of image ${request.image}`;
        throw engineFailure(error, doing, address, request.signal);
      }
    },
    removeDeadReaders: async () => {
      await must('remove left-over containers of readers', () => removeDeadReaders(docker));
    },
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
    removeLabelled: async (label) => {
      // A container takes as long as its file system: each of its calls has an end of its own in the engine.
      const doing = `remove what carries the label ${label}`;
      await call(doing, () => removeAllLabelled(docker, label), { limit: removalLimit });
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
    watch: async (project, onEvent, signal) => {
      const doing = 'watch the events of the engine';
      const filters = { type: ['container'], label: [`com.docker.compose.project=${project}`] };
      const stream = await must(doing, () => abortable(docker).getEvents({ filters, abortSignal: signal }));
      const read = async (): Promise<void> => {
        try {
          for await (const line of linesOf(stream)) onEvent(eventOf(line));
        } catch (error) {
          if (!signal.aborted) throw engineFailure(error, doing, address, signal);
        }
      };
      return { ended: read() };
    },
    logs: async (id) => {
      const raw = await must(`read the log of container ${id}`, () => openLog(docker, id));
      return logStream(raw, demultiplex);
    },
    createHolder: (request) => must('make a holder container', () => createHolderContainer(docker, request)),
    removeHolders: async (run) => {
      await must(`remove the helper container of ${run}`, () => removeHolderContainers(docker, run));
    },
    readArchive: async (id, path, signal) => {
      const doing = `read ${path} of container ${id}`;
      const open = () => whileAnswering(ping, () => openArchive(docker.getContainer(id), path, signal));
      return (await call(doing, open, { signal, limit: longest })) as Readable;
    },
    writeArchive: async (id, path, tar, signal) => {
      const doing = `write ${path} of container ${id}`;
      const write = () => whileAnswering(ping, () => docker.getContainer(id).putArchive(tar, { path }));
      await call(doing, write, { signal, limit: longest });
    },
  };
};

interface Abortable {
  ping(options: { abortSignal: AbortSignal }): Promise<unknown>;
  info(options: { abortSignal: AbortSignal }): Promise<Record<string, string>>;
  version(options: { abortSignal: AbortSignal }): Promise<Docker.DockerVersion>;
  getEvents(options: { filters: object; abortSignal: AbortSignal }): Promise<Readable>;
}

/** dockerode takes an abort signal in these calls; its type declarations do not know it. */
const abortable = (docker: Docker): Abortable => docker as unknown as Abortable;
