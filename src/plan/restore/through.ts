import type { Mount } from '../../stack/types.ts';
import type { ChosenMount } from './choose.ts';
import type { LeftOut, PlannedPutBack, RestoreFacts } from './types.ts';

/** Where a mount of a snapshot goes today, or why it goes nowhere. */
export type Target =
  | { readonly putBack: PlannedPutBack }
  | { readonly leftOut: LeftOut }
  | { readonly refusal: string };

const uses = (mounts: readonly { readonly name?: string; readonly source: string }[], now: Mount): boolean =>
  mounts.some((one) => (now.kind === 'volume' ? one.name === now.name : one.source === now.source));

/** Whether a mount can be written under a path of this machine. Pure. */
export const isWritableHere = (
  { onHost, source }: Pick<Mount, 'onHost' | 'source'>,
  writable: ReadonlySet<string>,
): boolean => onHost && writable.has(source);

/**
 * Whether a volume can be emptied through the engine while containers have it. Its folder has to lie on the engine's
 * own disk: one of another driver, or with options, is mounted there, and what is mounted cannot be taken away. Pure.
 */
export const isEmptiable = ({
  kind,
  driver,
  options,
  source,
}: Pick<Mount, 'kind' | 'driver' | 'options' | 'source'>): boolean =>
  kind === 'volume' && driver === 'local' && Object.keys(options).length === 0 && /^\/.+\/./.test(source);

/** Into a volume that this machine cannot write: emptied in its place, or made anew in the place of it. Pure. */
export const throughEngine = (facts: RestoreFacts, { mount, paths }: ChosenMount, now: Mount): Target => {
  const isUsed = now.users.length > 0 || facts.others.some((one) => uses(one.details.mounts, now));
  const way = 'its host path cannot be written from here';
  if (now.kind === 'bind') return { refusal: `${now.name} cannot be put back: ${way}` };
  if (paths !== undefined)
    return {
      refusal: `${now.name} cannot be put back in part: ${way}, and through the engine a volume is only put back in whole. Restore all of it (without --path), or run the tool as root where the engine runs`,
    };
  const { name, driver, options, labels, source } = now;
  const put = { mount, kind: 'volume', name, method: 'api' } as const;
  if (!isUsed)
    return {
      putBack: {
        ...put,
        source: '',
        create: { name, driver, options, labels },
        isRemade: true,
        reason: 'into a new volume in its place',
      },
    };
  if (isEmptiable(now))
    return {
      putBack: { ...put, source, isInPlace: true, reason: 'emptied and filled in its place' },
    };
  return {
    refusal: `${name} cannot be put back while containers have it: ${way}, and what its driver or its options mount cannot be emptied through the engine. Remove them first (\`docker compose -p ${facts.instance.project} down\`, without -v), restore, then bring them up again`,
  };
};
