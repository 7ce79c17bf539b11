import { join } from 'node:path';
import { readPlainFile } from '../base/disk/plain-file.ts';
import { atomicWrite } from '../base/disk.ts';
import { errnoOf, messageOf, StackBackupError } from '../base/errors.ts';
import { loadSchema } from '../base/schema.ts';
import { manifestName } from './layout.ts';
import { seal, sealOf } from './manifest/seal.ts';
import type { Manifest } from './types.ts';

const schemaFile = 'manifest.schema.json';

/** The `$schema` of a manifest: the `$id` of its schema. */
export const manifestSchemaId = 'urn:stack-backup:schema:manifest';

/** The version of the format this program writes, and the newest it reads. */
const manifestVersion = 1;

/** Bytes; longer ones are no manifest. */
const longest = 256 * 1024 * 1024;

/** What is wrong with a manifest, a line each; empty when it is valid. */
const problemsOf = (value: unknown): readonly string[] => {
  const validate = loadSchema(schemaFile);
  if (validate(value)) return [];
  return (validate.errors ?? []).map((error) => {
    const extra: unknown = error.params.additionalProperty;
    return `${error.instancePath || '/'} ${error.message ?? 'is wrong'}${extra === undefined ? '' : ` (${String(extra)})`}`;
  });
};

const notAsWritten = 'its checksum does not fit, so it is not as it was written';

const invalid = (folder: string, why: string, cause?: unknown): StackBackupError =>
  new StackBackupError('verify-failed', `the manifest of ${folder} is not valid: ${why}`, {
    cause,
    next: 'It was changed or damaged after it was written: use another snapshot or a replica of this one.',
  });

/** The manifest without the checksum that its file has of itself. */
const unsealed = (value: object): object => {
  const { checksum: _, ...manifest } = value as { readonly checksum?: unknown };
  return manifest;
};

/**
 * Writes `manifest.json` (0600, durable), with a checksum of itself. It is the commit of a snapshot: everything
 * else is there before.
 */
export const writeManifest = async (folder: string, manifest: Manifest): Promise<void> => {
  const problems = problemsOf(manifest);
  if (problems.length > 0)
    throw new StackBackupError(
      'internal',
      `a manifest was to be written that is not valid: ${problems.join('; ')}`,
    );
  await atomicWrite(join(folder, manifestName), seal(unsealed(manifest)), 0o600);
};

const read = async (folder: string): Promise<Buffer> => {
  try {
    return await readPlainFile(join(folder, manifestName), longest);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT')
      throw new StackBackupError('snapshot-unknown', `${folder} holds no ${manifestName}`, {
        cause,
        next: 'It is not a complete snapshot; `stack-backup list` shows those that are.',
      });
    throw invalid(folder, messageOf(cause), cause);
  }
};

/**
 * The manifest of a snapshot folder, checked against its schema and, where it has one, its checksum. Rejects
 * with `snapshot-unknown` when there is none or a newer program wrote it, with `verify-failed` when it is
 * damaged.
 */
export const readManifest = async (folder: string): Promise<Manifest> => {
  const bytes = await read(folder);
  const sealed = sealOf(bytes);
  if (sealed === 'broken') throw invalid(folder, notAsWritten);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw invalid(folder, messageOf(cause), cause);
  }
  const { version, checksum } = (typeof value === 'object' && value !== null ? value : {}) as {
    readonly version?: unknown;
    readonly checksum?: unknown;
  };
  if (sealed === 'none' && checksum !== undefined) throw invalid(folder, notAsWritten);
  if (typeof version === 'number' && version > manifestVersion)
    throw new StackBackupError(
      'snapshot-unknown',
      `${folder} has a manifest of version ${version}; this program reads up to ${manifestVersion}`,
      { next: 'Update stack-backup, then try again.' },
    );
  const problems = problemsOf(value);
  if (problems.length > 0) throw invalid(folder, problems.slice(0, 5).join('; '));
  return unsealed(value as Manifest) as Manifest;
};
