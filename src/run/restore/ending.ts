import { StackBackupError } from '../../base/errors.ts';
import { isUnwell, oldKept } from './data/loaded.ts';
import { settleLoads } from './loads.ts';
import type { Restoring } from './window.ts';

const undoCommand = ({ plan }: Restoring): string => `stack-backup restore --undo ${plan.instance.name}`;

/** Whoever finds that a service does not come up on the restored data wants to know the way back. */
export const tellUndo = (restoring: Restoring): void => {
  const { run, state } = restoring;
  if (!isUnwell(run.warnings, run.ledger) || state.data !== 'restored' || state.restore.safety === undefined)
    return;
  const message = `the data stays restored; \`${undoCommand(restoring)}\` puts back what was there before`;
  run.context.warn({ code: 'restored-unwell', message });
};

/** A failure that the restore survived: it went on to its end, because there was no way back. */
export const goneForward = ({ run, state }: Restoring, error: StackBackupError): undefined => {
  const problems = state.problems.length === 0 ? '' : ` (${state.problems.join('; ')})`;
  const message = `${error.message}; there was no way back${problems}, so it was gone on with: the snapshot is restored in whole`;
  run.context.warn({ code: 'gone-forward', message });
  return undefined;
};

/** In the words of what became of the data. */
export const withData = ({ state }: Restoring, error: StackBackupError): StackBackupError => {
  const { code, message, cause, details, next } = error;
  if (state.data === 'untouched') return error;
  const words =
    state.data === 'rolled-back'
      ? 'the data is as it was before the restore'
      : `the data is half restored: ${state.problems.join('; ')}`;
  return new StackBackupError(code, `${message}; ${words}`, {
    cause,
    details,
    ...(next === undefined ? {} : { next }),
  });
};

/** The old databases are kept until everything serves on what was loaded. */
export const settleLoaded = async ({ run, plan, loadings, state }: Restoring): Promise<void> => {
  if (loadings.length === 0 || state.data !== 'restored') return;
  const problems = isUnwell(run.warnings, run.ledger)
    ? ['not everything serves on what was loaded']
    : await settleLoads(run.context, plan, loadings);
  if (problems.length === 0) return;
  run.context.warn(
    oldKept(
      loadings.map(({ preview }) => preview.plan.kept),
      problems,
    ),
  );
};
