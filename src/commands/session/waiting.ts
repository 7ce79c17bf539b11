import { type Duration, formatDuration } from '../../base/duration.ts';
import type { Emit } from '../../base/events.ts';
import type { Waiting } from '../../base/lock.ts';
import type { World } from './session.ts';

/** `--wait`: who is waited for is told, and again whenever that run comes to another phase. */
export const waitingFor = (world: World, limitMs: Duration, emit: Emit): Waiting => ({
  limitMs,
  signal: world.signal,
  onHolder: ({ pid, since, what }) =>
    emit({
      type: 'warning',
      code: 'waiting',
      notice: true,
      message: `another run is at work: pid ${pid}, since ${since}, ${what}; waiting for up to ${formatDuration(limitMs)}`,
    }),
});
