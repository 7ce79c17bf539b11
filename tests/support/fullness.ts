import type { Attempt } from './disk-stack.ts';

/** What could not be written, by what the error names. */
const victims: readonly (readonly [string, RegExp])[] = [
  ['journal', /\/\.stack-backup\/runs\//],
  ['copy', /(cp|tar|find|sort): |through the engine|\/volumes|\/binds|\/\.work/],
  ['compose files', /\/compose/],
  ['index', /\/index\b/],
  ['SHA256SUMS', /SHA256SUMS/],
  ['manifest', /manifest\.json/],
];

/** What it was that found no room. */
export const victimOf = ({ error }: Attempt): string | undefined =>
  victims.find(([, pattern]) => pattern.test(error?.message ?? ''))?.[0];

/** So many KiB are left, from that phase on. */
export type Level = readonly [phase: string, leave: number];

const at = (phase: string, ...leave: readonly number[]): readonly Level[] => leave.map((kib) => [phase, kib]);

/**
 * Everything copied while the services are down (`cold`), and only what has changed until then (`warm`): what is
 * tried of either, side by side, and what has to be among that which found no room.
 */
export const rounds: readonly {
  readonly when: string;
  readonly cold: readonly Level[];
  readonly warm: readonly Level[];
  readonly victims: readonly string[];
  readonly phases: readonly string[];
}[] = [
  {
    when: 'before and just after the stop',
    cold: at('while-stopped', 0),
    warm: at('before-stop', 0, 4),
    victims: ['journal'],
    phases: ['before-stop', 'while-stopped'],
  },
  {
    when: 'for the copy',
    cold: at('while-stopped', 12, 44),
    warm: at('while-stopped', 3),
    victims: ['copy'],
    phases: ['copying'],
  },
  {
    when: 'for what is written after the start',
    cold: at('after-start', 0, 5),
    warm: at('after-start', 3),
    victims: ['compose files'],
    phases: ['after-start'],
  },
  {
    when: 'for the last file',
    cold: at('after-start', 7, 8),
    warm: at('after-start', 7, 9),
    victims: ['manifest'],
    phases: ['publishing'],
  },
];
