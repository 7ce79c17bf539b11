import { createWriteStream } from 'node:fs';
import { chmod, copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import { makeFolderIn, writing } from '../../base/disk.ts';
import { messageOf } from '../../base/errors.ts';
import { heeding } from '../../base/wait/heed.ts';
import { composeWhole } from '../../docker/compose.ts';
import type { BackupPlan } from '../../plan/types.ts';
import { composeName, logsName, wholeName } from '../../snapshot/layout.ts';
import { otherFiles } from '../../stack/model/others.ts';
import { withShortVolumes } from '../../stack/model/whole.ts';
import { redactEnvFile } from '../../stack/redact.ts';
import type { RunContext } from '../context.ts';
import { patientContext } from '../quiet/back/patience.ts';

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Files of one name from several folders are numbered, in the order Compose reads them. */
const numbered = (at: number, path: string): string => `${String(at + 1).padStart(2, '0')}-${basename(path)}`;

/**
 * The images that run, by digest where the engine knows one: tags move, digests do not. The copy is made and
 * the services are back, so an engine that is away now is worth waiting for.
 */
export const imagesOf = async (
  context: RunContext,
  plan: BackupPlan,
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const ids = [...new Set(plan.stack.containers.map((one) => one.details.imageId))];
  const { engine } = patientContext(context, plan.instance.limits.engine);
  const ask = () => Promise.all(ids.map(async (id) => [id, await engine.imageDigests(id)] as const));
  return new Map(await heeding(context.signal, ask));
};

/** Names another file, which nobody tells of, or may do so: what it has is written down, too. */
const namesOthers = (text: string): boolean => otherFiles(text)?.length !== 0;

/** The compose files with what they include and extend; undefined where they are all there is, or nobody can tell. */
const wholeOf = async ({ stack, instance }: BackupPlan): Promise<unknown> => {
  const texts = await Promise.all(stack.composeFiles.map((file) => readFile(file, 'utf8')));
  if (!texts.some(namesOthers)) return undefined;
  const envFiles = instance.envFile === undefined ? [] : [instance.envFile];
  const asked = { project: stack.project, files: stack.composeFiles, envFiles };
  return withShortVolumes(await composeWhole(asked).catch(() => undefined));
};

/**
 * Writes `compose/`: the resolved model and the env file with every value masked, the compose files as they
 * are (mode 0600: what a person wrote into them stays in them), what they include or extend, and the images.
 */
export const writeComposeRecord = async (
  folder: string,
  plan: BackupPlan,
  images: ReadonlyMap<string, readonly string[]>,
): Promise<void> => {
  const target = join(folder, composeName);
  await makeFolderIn(target);
  const write = (name: string, text: string): Promise<void> => {
    const path = join(target, name);
    return writing(path, writeFile(path, text, { mode: 0o600 }));
  };
  const services = plan.stack.containers.map((one) => ({
    service: one.service,
    container: one.name,
    image: one.details.image,
    imageId: one.details.imageId,
    digests: images.get(one.details.imageId) ?? [],
  }));
  await write('images.json', json(services));
  if (plan.stack.model !== undefined) await write('model.json', json(plan.stack.model));
  for (const [at, file] of plan.stack.composeFiles.entries()) {
    const copy = join(target, numbered(at, file));
    await copyFile(file, copy);
    await chmod(copy, 0o600);
  }
  const whole = await wholeOf(plan);
  if (whole !== undefined) await write(wholeName, json(whole));
  const { envFile } = plan.instance;
  if (envFile !== undefined) await write('redacted.env', redactEnvFile(await readFile(envFile, 'utf8')));
};

/** Half a log would look like a whole one: of one that cannot be read to its end nothing stays. */
const writeLog = async (log: Readable, path: string, signal: AbortSignal): Promise<void> => {
  try {
    await pipeline(log, createZstdCompress(), createWriteStream(path, { mode: 0o600 }), { signal });
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
};

/** Writes `logs/<container>.log.zst`, oldest line first. A log that cannot be read is a warning. */
export const writeLogs = async (context: RunContext, folder: string, plan: BackupPlan): Promise<void> => {
  const target = join(folder, logsName);
  await makeFolderIn(target);
  for (const container of plan.stack.containers) {
    try {
      const log = await context.engine.logs(container.id);
      await writeLog(log, join(target, `${container.name}.log.zst`), context.signal);
    } catch (error) {
      if (context.signal.aborted) throw error;
      const message = `the log of ${container.name} could not be kept: ${messageOf(error)}`;
      context.warn({ code: 'log-unreadable', about: container.service, message });
    }
  }
};
