import { access, constants } from 'node:fs/promises';
import { StackBackupError } from '../../../base/errors.ts';
import type { Engine } from '../../../docker/engine.ts';
import type { PlannedPutBack, VolumeSpec } from '../../../plan/restore/types.ts';
import { holdsMask, redactOptions } from '../../../stack/redact.ts';
import type { RunContext } from '../../context.ts';
import type { JournalPutBack } from '../../journal.ts';

/** What a journal keeps of a mount that is put back: enough to do it again, and no password. */
export const journalled = (planned: PlannedPutBack): JournalPutBack => {
  const { mount, kind, name, source, method, create, isRemade, isMissing, isInPlace, paths } = planned;
  const isNew = (create !== undefined && !isRemade) || isMissing;
  const { driver = '', options = {}, labels = {} } = create ?? {};
  return {
    mount: mount.name,
    kind,
    name,
    source,
    method,
    ...(create === undefined ? {} : { volume: { driver, options: redactOptions(options), labels } }),
    ...(isInPlace ? { inPlace: true as const } : {}),
    ...(isNew ? { created: true as const } : {}),
    ...(paths === undefined ? {} : { paths: paths.map((path) => path.toString('base64')) }),
  };
};

/**
 * What a volume is made with. A password that a journal leaves out is had from the volume itself: without it the
 * volume is not touched.
 */
const withSecrets = async (engine: Engine, spec: VolumeSpec): Promise<VolumeSpec> => {
  const isMasked = Object.values(spec.options).some(holdsMask);
  if (!isMasked) return spec;
  const now = await engine.volume(spec.name);
  if (now === undefined)
    throw new StackBackupError(
      'restore-failed',
      `the volume ${spec.name} is gone, and the password in its options is known to nobody here`,
      { next: `Make it with \`docker volume create\` as your compose file has it, then run it again.` },
    );
  return { ...spec, options: now.options };
};

const isWritable = (path: string): Promise<boolean> =>
  access(path, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );

/**
 * Makes what has to be there before a mount can be filled, as Compose would. Through the engine only what is empty can be
 * filled: a volume that is there is removed first. `secrets` are the options with what a journal leaves out.
 */
export const madeReady = async (
  { engine }: Pick<RunContext, 'engine'>,
  put: JournalPutBack,
  secrets?: VolumeSpec,
): Promise<JournalPutBack> => {
  if (put.volume === undefined) return put;
  const spec = await withSecrets(engine, secrets ?? { name: put.name, ...put.volume });
  if (put.method === 'api') await engine.removeVolume(put.name);
  await engine.createVolume(spec);
  if (put.method === 'api') return put;
  const source = (await engine.volume(put.name))?.mountpoint ?? '';
  return (await isWritable(source)) ? { ...put, source } : { ...put, method: 'api' };
};
