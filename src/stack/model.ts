import { existsSync } from 'node:fs';
import type { Warning } from '../base/events.ts';
import type { Instance } from '../config/types.ts';
import { type ComposeProject, composeHashes, composeModel } from '../docker/compose.ts';
import { composeLabel, singleDollars } from './labels.ts';
import { isSurelyThat } from './model/config-hash.ts';
import type { LifecycleHook, Stack, StackContainer } from './types.ts';

export interface ModelResult {
  /** With secrets in clear: redact it before it goes anywhere. */
  readonly model: unknown;
  readonly files: readonly string[];
  readonly warnings: readonly Warning[];
}

const listOf = (label: string | undefined): string[] =>
  (label ?? '').split(',').filter((part) => part !== '');

/** The compose files: those of the configuration, else those the containers' labels name. */
const projectOf = (instance: Instance, containers: readonly StackContainer[]): ComposeProject => {
  const labels = containers[0]?.details.labels ?? {};
  const envFiles =
    instance.envFile === undefined ? listOf(labels[composeLabel.environmentFile]) : [instance.envFile];
  if (instance.composeFiles.length > 0)
    return { project: instance.project, files: instance.composeFiles, envFiles };
  const workingDir = labels[composeLabel.workingDir];
  return {
    project: instance.project,
    files: listOf(labels[composeLabel.configFiles]),
    envFiles,
    ...(workingDir === undefined ? {} : { workingDir }),
  };
};

/** Compose hashes these after it has put the other container's id in: their hash never equals that of the file. */
const sharesNamespace = ({ details }: StackContainer): boolean =>
  details.volumesFrom.length > 0 ||
  [details.networkMode, details.ipcMode, details.pidMode].some((mode) => mode.startsWith('container:'));

const hashOf = ({ details }: StackContainer): string | undefined => details.labels[composeLabel.configHash];

/** Services whose files say something else than what runs: the running container wins, with a notice. */
const driftOf = async (
  asked: ComposeProject,
  model: unknown,
  containers: readonly StackContainer[],
): Promise<Warning[]> => {
  const doubtful = containers
    .filter((one) => !one.oneOff && !sharesNamespace(one))
    .filter((one) => !isSurelyThat(model, one.service, hashOf(one)));
  if (doubtful.length === 0) return [];
  const hashes = await composeHashes(asked);
  if (hashes.size === 0) return [];
  const drifted = doubtful.filter((one) => hashes.get(one.service) !== hashOf(one));
  return [...new Set(drifted.map((one) => one.service))].map((service) => ({
    code: 'drift',
    about: service,
    notice: true,
    message: hashes.has(service)
      ? `${service} runs with another configuration than its compose file says; what runs is what is backed up`
      : `${service} runs but stands in no compose file any more`,
  }));
};

/**
 * The compose model joined to what runs. Files named by the configuration must be readable
 * (`compose-invalid`); files that only the labels name may be gone: then what the engine says is enough.
 */
export const modelOf = async (
  instance: Instance,
  containers: readonly StackContainer[],
): Promise<ModelResult> => {
  const asked = projectOf(instance, containers);
  const gone = [...asked.files, ...asked.envFiles].filter((file) => !existsSync(file));
  const isNamed = instance.composeFiles.length > 0;
  if (!isNamed && (asked.files.length === 0 || gone.length > 0))
    return {
      model: undefined,
      files: [],
      warnings: [
        {
          code: 'compose-files-gone',
          message: `the compose files of ${instance.project} cannot be read here (${gone.join(', ') || 'no label names them'}); pre_stop and post_start hooks are unknown`,
        },
      ],
    };
  const model = await composeModel(asked);
  return { model, files: asked.files, warnings: await driftOf(asked, model, containers) };
};

interface RawHook {
  readonly command?: string | readonly string[];
  readonly user?: string;
  readonly privileged?: boolean;
  readonly working_dir?: string;
  readonly environment?: Readonly<Record<string, string | null>>;
}

const lifecycleHook = (raw: RawHook): LifecycleHook => ({
  command: typeof raw.command === 'string' ? ['sh', '-c', raw.command] : (raw.command ?? []),
  ...(raw.user ? { user: raw.user } : {}),
  ...(raw.privileged ? { privileged: true } : {}),
  ...(raw.working_dir ? { workingDir: raw.working_dir } : {}),
  ...(raw.environment
    ? {
        environment: Object.entries(raw.environment).map(
          ([key, value]) => `${key}=${singleDollars(value ?? '')}`,
        ),
      }
    : {}),
});

/** `pre_stop` and `post_start` of every service of a resolved model. */
export const lifecycleOf = (model: unknown): Stack['lifecycle'] => {
  const services = (
    model as { services?: Record<string, { pre_stop?: RawHook[]; post_start?: RawHook[] }> } | undefined
  )?.services;
  return Object.fromEntries(
    Object.entries(services ?? {})
      .filter(([, service]) => service.pre_stop !== undefined || service.post_start !== undefined)
      .map(([name, service]) => [
        name,
        {
          preStop: (service.pre_stop ?? []).map(unescaped),
          postStart: (service.post_start ?? []).map(unescaped),
        },
      ]),
  );
};

const unescaped = (raw: RawHook): LifecycleHook => {
  const hook = lifecycleHook(raw);
  return { ...hook, command: hook.command.map(singleDollars) };
};
