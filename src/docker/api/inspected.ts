import type { ContainerInfo, ContainerInspectInfo } from 'dockerode';
import type { ContainerDetails, ContainerMount, ContainerState, RunningContainer } from '../engine.ts';

const mountOf = (mount: ContainerInspectInfo['Mounts'][number]): ContainerMount => ({
  type: (mount as { Type?: string }).Type as ContainerMount['type'],
  ...(mount.Name === undefined || mount.Name === '' ? {} : { name: mount.Name }),
  source: mount.Source,
  destination: mount.Destination,
  ...(mount.Driver === undefined || mount.Driver === '' ? {} : { driver: mount.Driver }),
  writable: mount.RW,
});

const healthOf = (state: ContainerInspectInfo['State']): ContainerDetails['health'] => {
  const status = state.Health?.Status;
  return status === 'healthy' || status === 'unhealthy' || status === 'starting' ? status : 'none';
};

/** Durations of the engine are in ns; 0 is its default. */
const healthInterval = (info: ContainerInspectInfo): Pick<ContainerDetails, 'healthIntervalMs'> => {
  if (healthOf(info.State) === 'none') return {};
  const { Interval = 0 } = info.Config.Healthcheck ?? {};
  return { healthIntervalMs: Interval === 0 ? 30_000 : Math.round(Interval / 1e6) };
};

/** `tmpfs:` of a compose file stands apart from the other mounts. */
const shortTmpfs = (info: ContainerInspectInfo): ContainerMount[] =>
  Object.keys((info.HostConfig.Tmpfs as Record<string, string> | null | undefined) ?? {}).map(
    (destination) => ({
      type: 'tmpfs',
      source: '',
      destination,
      writable: true,
    }),
  );

/** A container inspect in the tool's own words. Older engines leave fields out: each has its default here. */
export const detailsOf = (info: ContainerInspectInfo): ContainerDetails => {
  const host = info.HostConfig;
  const policy = host.RestartPolicy;
  return {
    id: info.Id,
    name: info.Name.replace(/^\//, ''),
    labels: info.Config.Labels ?? {},
    image: info.Config.Image,
    imageId: info.Image,
    state: info.State.Status as ContainerState,
    health: healthOf(info.State),
    ...healthInterval(info),
    exitCode: info.State.ExitCode,
    startedAt: info.State.StartedAt,
    finishedAt: info.State.FinishedAt,
    restartCount: info.RestartCount ?? 0,
    restartPolicy: { name: policy?.Name || 'no', maximumRetryCount: policy?.MaximumRetryCount ?? 0 },
    autoRemove: host.AutoRemove ?? false,
    stopTimeout: (info.Config as { StopTimeout?: number }).StopTimeout,
    networkMode: host.NetworkMode ?? '',
    ipcMode: host.IpcMode ?? '',
    pidMode: host.PidMode ?? '',
    volumesFrom: (host.VolumesFrom as string[] | null) ?? [],
    links: (host.Links as string[] | null) ?? [],
    env: info.Config.Env ?? [],
    user: info.Config.User ?? '',
    mounts: [...(info.Mounts ?? []).map(mountOf), ...shortTmpfs(info)],
  };
};

/** A line of the container list in the tool's own words. */
export const runningOf = (info: ContainerInfo): RunningContainer => ({
  id: info.Id,
  name: (info.Names[0] ?? info.Id).replace(/^\//, ''),
  labels: info.Labels ?? {},
  mounts: (info.Mounts ?? []).map((mount) => mountOf(mount as ContainerInspectInfo['Mounts'][number])),
});
