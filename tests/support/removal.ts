import { run } from '../../src/base/process.ts';
import { inspectAll, networkIds, volumeNames } from './ask-engine.ts';
import { docker } from './containers.ts';
import { containersOf } from './states.ts';

/** An anonymous volume: its name is 64 hexadecimal digits and nobody else can know it. */
const anonymous = /^[0-9a-f]{64}$/;

interface WithMounts {
  readonly Mounts: readonly { readonly Type: string; readonly Name?: string }[];
}

const volumesUsedBy = async (ids: readonly string[]): Promise<readonly string[]> =>
  (await inspectAll<WithMounts>(ids))
    .flatMap(({ Mounts }) => Mounts)
    .flatMap(({ Type, Name }) => (Type === 'volume' && Name !== undefined ? [Name] : []));

/**
 * Removes every container, network and volume of one project: its labelled volumes, the anonymous volumes
 * of its containers, and those given. It goes by the labels, so it works without the compose files, and it
 * touches nothing that is not the project's.
 */
export const removeProject = async (project: string, volumes: readonly string[] = []): Promise<void> => {
  const ofProject = { label: `com.docker.compose.project=${project}` };
  const ids = await containersOf(project);
  const unnamed = (await volumesUsedBy(ids)).filter((name) => anonymous.test(name));
  if (ids.length > 0) await docker('rm', '-f', '-v', ...ids);
  const networks = await networkIds(ofProject);
  if (networks.length > 0) await docker('network', 'rm', ...networks);
  const labelled = await volumeNames(ofProject);
  const all = [...new Set([...unnamed, ...labelled, ...volumes])];
  // `docker rm -v` has taken some of them already.
  const there = new Set(await volumeNames({}));
  const left = all.filter((name) => there.has(name));
  if (left.length === 0) return;
  const removed = await run(['docker', 'volume', 'rm', ...left]);
  if (removed.exitCode !== 0) throw new Error(`volumes of ${project} were not removed: ${removed.stderr}`);
};
