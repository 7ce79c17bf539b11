import { access, constants, lstat } from 'node:fs/promises';
import { StackBackupError } from '../base/errors.ts';
import type { Instance } from '../config/types.ts';
import type { ContainerDetails, Engine, VolumeDetails } from '../docker/engine.ts';
import { statusOf } from '../docker/failure.ts';
import { edgesOf } from './edges.ts';
import { composeLabel } from './labels.ts';
import { lifecycleOf, modelOf } from './model.ts';
import { mountsOf, type PathKind } from './mounts.ts';
import { redactModel } from './redact.ts';
import type { Stack, StackContainer } from './types.ts';

/** A container as a stack has it. */
export const containerOf = (details: ContainerDetails): StackContainer => ({
  id: details.id,
  name: details.name,
  service: details.labels[composeLabel.service] ?? details.name,
  number: Number(details.labels[composeLabel.number] ?? 1),
  oneOff: details.labels[composeLabel.oneOff] === 'True',
  details,
});

/** All containers of a project in any state, by service and number. One that goes meanwhile is not there. */
export const projectContainers = async (
  engine: Engine,
  project: string,
): Promise<readonly StackContainer[]> => {
  const ids = await engine.containers([`${composeLabel.project}=${project}`]);
  const found = await Promise.all(
    ids.map((id) =>
      engine.inspect(id).catch((error: unknown) => {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }),
    ),
  );
  return found
    .filter((details) => details !== undefined)
    .map(containerOf)
    .sort((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : a.number - b.number));
};

/** Names of all compose projects that have a running container. */
export const runningProjects = async (engine: Engine): Promise<readonly string[]> => {
  const names = (await engine.running()).map((one) => one.labels[composeLabel.project]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
};

const pathKind = async (path: string): Promise<PathKind> => {
  try {
    const stats = await lstat(path);
    if (stats.isSocket()) return 'socket';
    if (stats.isBlockDevice() || stats.isCharacterDevice()) return 'device';
    return stats.isFile() ? 'file' : 'dir';
  } catch {
    return 'missing';
  }
};

const bindKinds = async (
  containers: readonly StackContainer[],
  local: boolean,
): Promise<Map<string, PathKind>> => {
  const paths = containers
    .flatMap((container) => container.details.mounts)
    .filter((mount) => mount.type === 'bind')
    .map((mount) => mount.source);
  const kinds = [...new Set(paths)].map(
    async (path) => [path, local ? await pathKind(path) : 'unknown'] as const,
  );
  return new Map(await Promise.all(kinds));
};

const readablePaths = async (paths: readonly string[], local: boolean): Promise<Set<string>> => {
  if (!local) return new Set();
  const asked = paths.map((path) =>
    access(path, constants.R_OK).then(
      () => path,
      () => undefined,
    ),
  );
  return new Set((await Promise.all(asked)).filter((path) => path !== undefined));
};

const volumeDetails = async (
  engine: Engine,
  project: string,
  containers: readonly StackContainer[],
): Promise<Map<string, VolumeDetails>> => {
  const mounted = containers.flatMap((container) => container.details.mounts).map((mount) => mount.name);
  const labelled = await engine.volumes(`${composeLabel.project}=${project}`);
  const names = new Set([...mounted, ...labelled].filter((name) => name !== undefined));
  const found = await Promise.all([...names].map((name) => engine.volume(name)));
  return new Map(found.filter((volume) => volume !== undefined).map((volume) => [volume.name, volume]));
};

/**
 * Looks at what is really there: containers in every state, the edges between them, persistent mounts,
 * and the compose model where its files can be read. Nothing is changed.
 * Errors: `instance-unknown` when the project has neither containers nor volumes, `compose-invalid`, `engine-*`.
 */
export const observeStack = async (engine: Engine, instance: Instance): Promise<Stack> => {
  const { local } = await engine.info();
  const containers = await projectContainers(engine, instance.project);
  const [running, volumes, kinds, composed] = await Promise.all([
    engine.running(),
    volumeDetails(engine, instance.project, containers),
    bindKinds(containers, local),
    modelOf(instance, containers),
  ]);
  if (containers.length === 0 && volumes.size === 0)
    throw new StackBackupError(
      'instance-unknown',
      `the compose project ${instance.project} has neither containers nor volumes on this engine`,
      {
        next: `Start it once (\`docker compose -p ${instance.project} up -d\`), or check the instance's \`project\`.`,
      },
    );
  const readable = await readablePaths(
    [...kinds.keys(), ...[...volumes.values()].map((volume) => volume.mountpoint)],
    local,
  );
  const facts = { readable, project: instance.project, containers, running, volumes, kinds };
  return {
    project: instance.project,
    containers,
    edges: edgesOf(containers),
    ...mountsOf(facts),
    lifecycle: lifecycleOf(composed.model),
    model: redactModel(composed.model),
    composeFiles: composed.files,
    composeVersion: containers[0]?.details.labels[composeLabel.version],
    warnings: composed.warnings,
  };
};
