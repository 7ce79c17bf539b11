import { run } from '../../src/base/process.ts';
import { docker } from './containers.ts';
import { containersOf } from './states.ts';

const lines = (text: string): readonly string[] => text.split('\n').filter(Boolean);

/** An anonymous volume: its name is 64 hexadecimal digits and nobody else can know it. */
const anonymous = /^[0-9a-f]{64}$/;

const volumesUsedBy = async (ids: readonly string[]): Promise<readonly string[]> => {
  const format = '{{range .Mounts}}{{if eq .Type "volume"}}{{println .Name}}{{end}}{{end}}';
  return ids.length === 0 ? [] : lines(await docker('inspect', '--format', format, ...ids));
};

/**
 * Removes every container, network and volume of one project: its labelled volumes, the anonymous volumes
 * of its containers, and those given. It goes by the labels, so it works without the compose files, and it
 * touches nothing that is not the project's.
 */
export const removeProject = async (project: string, volumes: readonly string[] = []): Promise<void> => {
  const label = `label=com.docker.compose.project=${project}`;
  const ids = await containersOf(project);
  const unnamed = (await volumesUsedBy(ids)).filter((name) => anonymous.test(name));
  if (ids.length > 0) await docker('rm', '-f', '-v', ...ids);
  const networks = lines(await docker('network', 'ls', '-q', '--filter', label));
  if (networks.length > 0) await docker('network', 'rm', ...networks);
  const labelled = lines(await docker('volume', 'ls', '-q', '--filter', label));
  const all = [...new Set([...unnamed, ...labelled, ...volumes])];
  // `docker rm -v` has taken some of them already.
  const there = new Set(lines(await docker('volume', 'ls', '-q')));
  const left = all.filter((name) => there.has(name));
  if (left.length === 0) return;
  const removed = await run(['docker', 'volume', 'rm', ...left]);
  if (removed.exitCode !== 0) throw new Error(`volumes of ${project} were not removed: ${removed.stderr}`);
};
