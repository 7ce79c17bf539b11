import { formatDuration } from '../base/duration.ts';
import type { Phase, RunEvent, Warning } from '../base/events.ts';
import { formatBytes, plural } from '../base/text/amount.ts';
import { closingText } from './closing.ts';

const phases: Readonly<Record<Phase, string>> = {
  checking: 'checking',
  'before-stop': 'before the stop',
  warming: 'copying while the services run',
  stopping: 'stopping',
  'while-stopped': 'services are quiet',
  copying: 'copying',
  starting: 'starting',
  'after-start': 'after the start',
  hashing: 'hashing',
  publishing: 'publishing',
  'cleaning-up': 'cleaning up',
  securing: 'keeping what will be overwritten',
  restoring: 'putting the data back',
  loading: 'loading dumps',
  'rolling-back': 'setting the data back to what it was',
};

const waves = { stop: 'stopping', pause: 'freezing', unpause: 'thawing', start: 'starting' } as const;
const containers = {
  stopped: 'stopped',
  paused: 'frozen',
  unpaused: 'thawed',
  started: 'started',
  healthy: 'healthy',
} as const;

const about = (warning: Warning): string => (warning.about === undefined ? '' : ` [${warning.about}]`);

const percent = (bytes: number, of: number): string =>
  of > 0 ? `${formatBytes(bytes)} of ${formatBytes(of)}` : formatBytes(bytes);

const sizes = ({ bytes, entries }: { readonly bytes: number; readonly entries: number }): string =>
  `${formatBytes(bytes)}, ${plural(entries, 'entry', 'entries')}`;

/** An event in words, on one line. Names and messages are as they came: make them printable. */
export const sentence = (event: RunEvent): string => {
  switch (event.type) {
    case 'run-started':
      return event.restores === undefined
        ? `snapshot ${event.snapshot} of project ${event.project} (run ${event.id})`
        : `restore of ${event.restores} into project ${event.project} (run ${event.id})`;
    case 'phase':
      return phases[event.phase];
    case 'wave':
      return `${waves[event.action]} wave ${event.wave}/${event.of}: ${event.containers.join(' ')}`;
    case 'container': {
      const exit = event.exitCode === undefined ? '' : ` (exit ${event.exitCode})`;
      return `${event.container} ${containers[event.action]} after ${formatDuration(event.ms)}${exit}`;
    }
    case 'copy-started':
      // Zero of both: what goes through the engine cannot be measured before.
      return `copying ${event.mount}${event.entries === 0 ? '' : `: ${sizes(event)}`}`;
    case 'copy-progress':
      return `copying ${event.mount}: ${formatBytes(event.bytes)} so far`;
    case 'copy-finished':
      return `copied ${event.mount}: ${sizes(event)} in ${formatDuration(event.ms)}`;
    case 'hook-started':
      return `hook ${event.hook} (${event.phase}) begins`;
    case 'hook-finished':
      return `hook ${event.hook} ${event.ok ? 'done' : 'FAILED'} after ${formatDuration(event.ms)}: ${event.summary}`;
    case 'hash-progress':
      return `hashing: ${percent(event.bytes, event.of)}`;
    case 'warning':
      return `${event.notice === true ? 'notice' : 'warning'}${about(event)}: ${event.message}`;
    case 'error':
      return `error (${event.code}): ${event.message}${event.next === undefined ? '' : ` -> ${event.next}`}`;
    case 'run-finished':
      return `ended: ${closingText(event)}`;
  }
};
