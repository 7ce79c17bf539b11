import type { Readable, Writable } from 'node:stream';

/** State words of the Engine API. */
export type ContainerState =
  | 'created'
  | 'running'
  | 'paused'
  | 'restarting'
  | 'removing'
  | 'exited'
  | 'dead'
  | 'stopping';

export interface RestartPolicy {
  /** `no`, `always`, `on-failure` or `unless-stopped`. */
  readonly name: string;
  readonly maximumRetryCount: number;
}

/** One entry of a container's `Mounts`: what is really mounted. */
export interface ContainerMount {
  readonly type: 'volume' | 'bind' | 'tmpfs' | 'npipe' | 'cluster' | 'image';
  /** Volume name; only for volumes. */
  readonly name?: string;
  /** Path on the engine's host. */
  readonly source: string;
  /** Path in the container. */
  readonly destination: string;
  readonly driver?: string;
  readonly writable: boolean;
}

/** What the tool needs of a container inspect, in its own words. */
export interface ContainerDetails {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The image as it was asked for (`postgres:17`). */
  readonly image: string;
  /** `sha256:…` */
  readonly imageId: string;
  readonly state: ContainerState;
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  /** How often its health check runs, ms; where it has one. */
  readonly healthIntervalMs?: number;
  readonly exitCode: number;
  /** ISO 8601 with ns, as the engine writes it. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly restartCount: number;
  readonly restartPolicy: RestartPolicy;
  readonly autoRemove: boolean;
  /** Seconds; undefined = the engine's default of 10. */
  readonly stopTimeout: number | undefined;
  readonly networkMode: string;
  readonly ipcMode: string;
  readonly pidMode: string;
  readonly volumesFrom: readonly string[];
  readonly links: readonly string[];
  /** `KEY=value` lines; holds secrets: never log, never write. */
  readonly env: readonly string[];
  readonly user: string;
  readonly mounts: readonly ContainerMount[];
}

export interface VolumeDetails {
  readonly name: string;
  readonly driver: string;
  readonly mountpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
}

/** A line of the engine's list of running containers. */
export interface RunningContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly ContainerMount[];
}

export interface EngineInfo {
  readonly id: string;
  readonly version: string;
  readonly apiVersion: string;
  readonly name: string;
  readonly os: string;
  readonly kernel: string;
  readonly rootDir: string;
  /** True when the engine's paths are this machine's paths (same host name and kernel, unix socket). */
  readonly local: boolean;
}

export interface ExecRequest {
  readonly command: readonly string[];
  /** Extra `KEY=value` of the process; the place for a password (never the command). */
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workingDir?: string;
  readonly privileged?: boolean;
  readonly stdin?: Readable;
  /** Receives stdout with back-pressure; ended when the process ends. Without it stdout is dropped. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** On abort the process *inside the container* is ended too (TERM, then KILL), then the call rejects. */
  readonly signal?: AbortSignal;
}

/** A program of an image, and the bytes that it is to read. */
export interface ReaderRequest {
  /** `sha256:…`, of an image that is on the engine. */
  readonly image: string;
  readonly command: readonly string[];
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly signal: AbortSignal;
}

export interface EngineEvent {
  /** `start`, `die`, `destroy` … */
  readonly action: string;
  readonly containerId: string;
  readonly timeNano: bigint;
}

/**
 * The Docker Engine as this tool sees it. Calls reject with StackBackupError `engine-*`; a container
 * that is gone rejects with `engine-failed` and `details.status === 404`. Every call takes an optional
 * AbortSignal and has a deadline of its own.
 */
export interface Engine {
  /** `unix:///var/run/docker.sock`, `tcp://…`. */
  readonly endpoint: string;
  /** Resolves when the engine answers at all; within seconds it does, or rejects. */
  ping(): Promise<void>;
  info(): Promise<EngineInfo>;
  /** Ids of all containers (any state) that carry all these labels (`key` or `key=value`). */
  containers(labels: readonly string[]): Promise<readonly string[]>;
  /** Everything that runs (or is paused) on the engine, whatever project it is of. */
  running(): Promise<readonly RunningContainer[]>;
  inspect(id: string): Promise<ContainerDetails>;
  /** Stops with the container's own signal and grace period. Already stopped is success. */
  stop(id: string, signal?: AbortSignal): Promise<void>;
  /** SIGKILL, whatever its grace period. Not running is success. */
  kill(id: string): Promise<void>;
  /** Starts. Already started is success. */
  start(id: string, signal?: AbortSignal): Promise<void>;
  pause(id: string): Promise<void>;
  unpause(id: string): Promise<void>;
  setRestartPolicy(id: string, policy: RestartPolicy): Promise<void>;
  /** Runs a process in a running container; resolves with its exit code. */
  exec(id: string, request: ExecRequest): Promise<number>;
  /**
   * Runs a program of an image in a throw-away container without network, mounts or rights, that reads untrusted
   * bytes; resolves with its exit code. Nothing is pulled: `details.status` 404 when the image is not there.
   */
  read(request: ReaderRequest): Promise<number>;
  /** Removes what killed processes of this machine have left of `read`. */
  removeDeadReaders(): Promise<void>;
  /** Undefined when there is no such volume. */
  volume(name: string): Promise<VolumeDetails | undefined>;
  /** Names of the volumes that carry this label (`key=value`). */
  volumes(label: string): Promise<readonly string[]>;
  /** Makes a volume. One of that name and driver that is there already is success, and stays as it is. */
  createVolume(volume: Omit<VolumeDetails, 'mountpoint'>): Promise<void>;
  /** Removes a volume and what is in it; no such volume is success. Rejects while a container has it. */
  removeVolume(name: string): Promise<void>;
  /** Removes everything that carries this label (`key=value`): containers, networks, volumes. */
  removeLabelled(label: string): Promise<void>;
  /** Whether there is an image of this id (`sha256:…`). */
  hasImage(imageId: string): Promise<boolean>;
  /** Repository digests (`repo@sha256:…`) of an image; empty when there are none or it is gone. */
  imageDigests(imageId: string): Promise<readonly string[]>;
  /** Resolves when the engine tells container events of a compose project, until the signal aborts. */
  watch(
    project: string,
    onEvent: (event: EngineEvent) => void,
    signal: AbortSignal,
  ): Promise<{ readonly ended: Promise<void> }>;
  /** stdout and stderr of a container, demultiplexed, oldest first. */
  logs(id: string): Promise<Readable>;
  /**
   * A created, never started container of an empty image that mounts volumes and binds under the given
   * targets, so that the archive calls reach their bytes. Whatever comes of this call, `removeHolders` undoes it.
   */
  createHolder(request: HolderRequest): Promise<string>;
  /** Removes what `createHolder` made for a run, container and image; nothing there is success. */
  removeHolders(run: string): Promise<void>;
  /** An uncompressed tar of `path` in the container; entry names start with the path's base name. */
  readArchive(id: string, path: string, signal?: AbortSignal): Promise<Readable>;
  /** Looks at one path in the container; a link is not followed. Rejects with `details.status` 404 for none. */
  statArchive(id: string, path: string): Promise<PathStat>;
  /** Unpacks a tar under `path` in the container. What is in the way of a member is removed, a folder with all in it. */
  writeArchive(id: string, path: string, tar: Readable, signal?: AbortSignal): Promise<void>;
}

/** What the engine tells of a path in a container without sending it. */
export interface PathStat {
  readonly isFolder: boolean;
  /** Mode, size and time of change in ns: what tells one folder from another, as far as the engine says. */
  readonly likeness: string;
}

export interface HolderRequest {
  /** Marks the holder as this run's (label `io.stack-backup.run`), so that recovery finds it. */
  readonly run: string;
  readonly mounts: readonly {
    readonly kind: 'volume' | 'bind';
    /** Volume name or host path. It must exist: the engine silently creates a misspelt volume. */
    readonly source: string;
    readonly target: string;
    readonly readOnly: boolean;
    /** It is a bind of the engine's own files, which the engine lets nobody mount otherwise than as a slave. */
    readonly ofEngine?: true;
  }[];
}
