import { hostname, release } from 'node:os';
import type Docker from 'dockerode';
import { StackBackupError } from '../base/errors.ts';
import { execIn } from './api/exec.ts';
import { removeAllLabelled } from './api/labelled.ts';
import { removeDeadReaders, runReader } from './api/reader.ts';
import { abortable, callsTo } from './calls/call.ts';
import { containerCalls } from './calls/containers.ts';
import { storageCalls } from './calls/storage.ts';
import { streamCalls } from './calls/streams.ts';
import { type Endpoint, resolveEndpoint } from './endpoint.ts';
import type { Engine, EngineInfo } from './engine.ts';
import { engineFailure, notAnEngine } from './failure.ts';

/** The oldest Engine API whose behaviour was measured (Docker Engine 20.10). */
const oldestApi = [1, 41] as const;

/** Many containers and large volumes, one after the other, ms. */
const removalLimit = 600_000;
/** It holds no lock and asks nobody: an engine that takes longer for it, ms, is as good as gone. */
const pingLimit = 5_000;

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

const createEngine = (docker: Docker, address: string): Engine => {
  const calls = callsTo(docker, address);
  const { call, must } = calls;
  let isLocal: boolean | undefined;

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
    ...containerCalls(calls),
    ...storageCalls(calls),
    ...streamCalls(calls, ping),
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
    removeLabelled: async (label) => {
      // A container takes as long as its file system: each of its calls has an end of its own in the engine.
      const doing = `remove what carries the label ${label}`;
      await call(doing, () => removeAllLabelled(docker, label), { limit: removalLimit });
    },
  };
};
