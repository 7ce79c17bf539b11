import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StackBackupError } from '../../base/errors.ts';
import type { SqliteCheck } from '../../config/checks/types.ts';
import { secretsOf, valueOfFile } from '../../hooks/checks/ask.ts';
import { containerOf } from '../../hooks/registry.ts';
import { copySet } from '../../hooks/sqlite/copy-set.ts';
import { locateDatabase, mountOver } from '../../hooks/sqlite/place.ts';
import type { PlannedCopy } from '../../plan/types.ts';
import { type Asking, askOne } from './stage.ts';

const failed = (message: string, next: string): StackBackupError =>
  new StackBackupError('check-failed', message, { next });

/** The file as it was copied: below the copy of the mount that covers its path. */
const inCopy = async ({ plan }: Asking, check: SqliteCheck, folder: string): Promise<string> => {
  const container = containerOf(check, plan.stack);
  const mount = mountOver(container?.details.mounts ?? [], check.path);
  const copy = plan.copies.find(
    ({ mount: one }: PlannedCopy) => mount !== undefined && one.name === (mount.name ?? mount.source),
  );
  if (mount === undefined || copy === undefined)
    throw failed(
      `"${check.path}" of service ${check.service} lies in nothing that is copied`,
      'Check `path:`; it is a path in the container, below one of the mounts that are copied.',
    );
  if (copy.form !== 'tree')
    throw failed(
      `"${check.path}" lies in an archive, where SQLite cannot read it`,
      `Give ${copy.task.name} \`format: tree\` under \`volumes:\`.`,
    );
  // Looked for as in a mount: what is a link in it does not lead out of it.
  return locateDatabase([{ ...mount, type: 'bind', source: join(folder, copy.task.path) }], check.path);
};

/** SQLite writes beside a file that it opens, so it gets a copy of the copy, with its log or journal. */
const answerOf = async (asking: Asking, check: SqliteCheck, folder: string, signal: AbortSignal) => {
  const { plan } = asking;
  const scratch = join(folder, '.check');
  try {
    await mkdir(scratch, { mode: 0o700 });
    const source = await inCopy(asking, check, folder);
    const target = join(scratch, 'database');
    await copySet(source, target, signal);
    const secrets = secretsOf(plan.stack.containers, plan.hooks);
    return await valueOfFile(check, target, 'own', { secrets, signal });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

/** Asks the checks of SQLite files in the finished copy, when the services are back. `folder` is the snapshot's. */
export const askFiles = async (asking: Asking, folder: string): Promise<void> => {
  for (const check of asking.plan.instance.checks)
    if (check.kind === 'sqlite')
      await askOne(asking, check, true, (signal) => answerOf(asking, check, folder, signal));
};
