import { formatDuration } from '../../base/duration.ts';
import type { Phase } from '../../base/events.ts';
import { formatBytes, plural } from '../../base/text/amount.ts';
import { printable } from '../../base/text/printable.ts';
import type { Line, Segment } from '../../base/text/tone.ts';
import { displayWidth, pad, truncateMiddle, wrap } from '../../base/text/width.ts';
import { progressLine } from './progress.ts';
import type { Copy, Hook, RunView, Wave } from './state.ts';

/** How a step stands: under way, done, or where the run broke off. */
export type Stand = 'live' | 'done' | 'broken';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
const frameMs = 100;

const markOf = (stand: Stand, now: number): Segment => {
  if (stand === 'done') return { text: '✓', tone: 'good' };
  if (stand === 'broken') return { text: '✗', tone: 'bad' };
  return { text: frames[Math.floor(Math.max(0, now) / frameMs) % frames.length] ?? '·', tone: 'accent' };
};

interface View {
  readonly width: number;
  readonly now: number;
}

/** Narrower than this a column of text beside its label would be a ribbon: it goes below. */
const leastText = 32;

/** `✓ label  text …                4.2 s`: the text wraps beside its label or, where that is narrow, below. */
const step = (view: View, stand: Stand, label: string, text: string, ms: number): readonly Line[] => {
  const time = formatDuration(Math.max(0, ms));
  const head = truncateMiddle(printable(label), Math.max(1, view.width - 2));
  const body = printable(text);
  const right = displayWidth(head) + 4 + time.length <= view.width ? time : '';
  const beside = displayWidth(head) + 4;
  const room = view.width - beside - (right === '' ? 0 : right.length + 2);
  const isBeside = room >= Math.min(leastText, displayWidth(body));
  const indent = isBeside ? beside : 4;
  const lines = body === '' ? [] : wrap(body, Math.max(1, isBeside ? room : view.width - indent));
  const first = isBeside && lines[0] !== undefined ? `  ${lines[0]}` : '';
  return [
    [
      markOf(stand, view.now),
      ' ',
      pad(head + first, view.width - 2 - right.length),
      { text: right, tone: 'quiet' },
    ],
    ...lines.slice(isBeside ? 1 : 0).map((line): Line => [pad('', indent), line]),
  ];
};

const verbs: Readonly<Record<Wave['action'], readonly [string, string]>> = {
  stop: ['Stopping', 'Stopped'],
  pause: ['Freezing', 'Froze'],
  unpause: ['Thawing', 'Thawed'],
  start: ['Starting', 'Started'],
};

const waveLines = (view: View, wave: Wave, isBroken: boolean): readonly Line[] => {
  const stand = wave.endedAt !== undefined ? 'done' : isBroken ? 'broken' : 'live';
  const label = `${verbs[wave.action][stand === 'done' ? 1 : 0]} wave ${wave.wave}/${wave.of}`;
  return step(view, stand, label, wave.containers.join(' '), (wave.endedAt ?? view.now) - wave.startedAt);
};

const hookLines = (view: View, hook: Hook, isBroken: boolean): readonly Line[] => {
  const { result } = hook;
  const isBad = result === undefined ? isBroken : !result.ok;
  const stand = isBad ? 'broken' : result === undefined ? 'live' : 'done';
  return step(
    view,
    stand,
    `Hook ${hook.hook}`,
    result?.summary ?? '',
    result?.ms ?? view.now - hook.startedAt,
  );
};

const copiesDone = (copies: readonly Copy[]): string => {
  const done = copies.filter((copy) => copy.ms !== undefined);
  const bytes = done.reduce((sum, copy) => sum + copy.meter.bytes, 0);
  const entries = done.reduce((sum, copy) => sum + copy.entries, 0);
  return done.length === 0
    ? ''
    : `${plural(done.length, 'mount')}, ${formatBytes(bytes)}, ${plural(entries, 'entry', 'entries')}`;
};

/** What mounts are gone through for. */
const copyVerbs: Readonly<Partial<Record<Phase, readonly [string, string]>>> = {
  restoring: ['Putting back', 'Put back'],
  'rolling-back': ['Setting back to what it was', 'Set back to what it was'],
};

const copyVerb = ({ phase }: RunView, stand: Stand): string => {
  const [live, done] = (phase === undefined ? undefined : copyVerbs[phase]) ?? ['Copying', 'Copied'];
  return stand === 'done' ? done : live;
};

const copyLines = (run: RunView, view: View, stand: Stand): readonly Line[] => {
  const indent = pad('', 2);
  const inner = view.width - 2;
  const nameWidth = Math.max(0, ...run.copies.map((copy) => displayWidth(printable(copy.mount))));
  const names = Math.max(4, Math.min(nameWidth, 28, Math.floor(inner / 2)));
  const finished = run.copies.filter((copy) => copy.ms !== undefined);
  const running = run.copies.filter((copy) => copy.ms === undefined);
  return [
    ...step(view, stand, copyVerb(run, stand), copiesDone(run.copies), view.now - run.since),
    ...finished.map((copy): Line => {
      const facts = [
        pad(formatBytes(copy.meter.bytes), 6, 'right'),
        pad(plural(copy.entries, 'entry', 'entries'), 14, 'right'),
        pad(formatDuration(copy.ms ?? 0), 9, 'right'),
      ];
      const name = pad(truncateMiddle(printable(copy.mount), names), names);
      return [indent, name, { text: `  ${facts.join('  ')}`, tone: 'quiet' }];
    }),
    ...(stand === 'live'
      ? running.map((copy): Line => [indent, ...progressLine(copy.mount, copy.meter, inner, names, view.now)])
      : []),
  ];
};

const startLines = (run: RunView, view: View, stand: Stand): readonly Line[] => {
  const own = run.phase === 'starting' ? run.since : view.now;
  const since = Math.min(own, run.backSince ?? own);
  const ms = view.now - since;
  if (run.down.length > 0) {
    const label = `Starting ${run.up.length} of ${run.up.length + run.down.length}`;
    return step(view, stand === 'done' ? 'broken' : stand, label, run.down.join(' '), ms);
  }
  if (run.up.length === 0) return [];
  return stand === 'live'
    ? step(view, stand, 'Started', `${run.up.join(' ')} · waiting until they serve`, ms)
    : step(view, 'done', 'Started', run.up.join(' '), ms);
};

const hashLines = (run: RunView, view: View, stand: Stand): readonly Line[] => {
  const ms = view.now - run.since;
  if (stand === 'live' && run.hashing !== undefined)
    return [
      [markOf(stand, view.now), ' ', ...progressLine('Hashing', run.hashing, view.width - 2, 8, view.now)],
    ];
  const size = run.hashing === undefined ? '' : formatBytes(run.hashing.bytes);
  return step(view, stand, stand === 'done' ? 'Hashed' : 'Hashing', size, ms);
};

const words: Readonly<Partial<Record<Phase, readonly [string, string]>>> = {
  checking: ['Checking', 'Checked'],
  publishing: ['Publishing', 'Published'],
  'cleaning-up': ['Cleaning up', 'Cleaned up'],
  'before-stop': ['Before the stop', ''],
  stopping: ['Stopping', ''],
  'while-stopped': ['While everything is quiet', ''],
  'after-start': ['After the start', ''],
  securing: ['Keeping what will be overwritten', 'Kept what will be overwritten'],
  loading: ['Loading dumps', 'Loaded dumps'],
};

const wordLines = (run: RunView, view: View, stand: Stand): readonly Line[] => {
  const [live, done] = (run.phase === undefined ? undefined : words[run.phase]) ?? ['', ''];
  const label = stand === 'done' ? done : live;
  return label === '' ? [] : step(view, stand, label, '', view.now - run.since);
};

const ownLines = (run: RunView, view: View, stand: Stand): readonly Line[] => {
  switch (run.phase) {
    case 'stopping': {
      const waves = run.waves.flatMap((wave) => waveLines(view, wave, stand === 'broken'));
      return waves.length > 0 ? waves : wordLines(run, view, stand);
    }
    case 'warming':
    case 'copying':
    case 'restoring':
    case 'rolling-back':
      return copyLines(run, view, stand);
    case 'starting':
      return startLines(run, view, stand);
    case 'hashing':
      return hashLines(run, view, stand);
    default:
      // A phase of hooks is told by its hooks.
      return run.hooks.length > 0 && ['before-stop', 'while-stopped', 'after-start'].includes(run.phase ?? '')
        ? []
        : wordLines(run, view, stand);
  }
};

/** The lines of the phase that a run is in, or was in when it ended. None is wider than `width`. */
export const phaseLines = (run: RunView, width: number, now: number, stand: Stand): readonly Line[] => {
  const view = { width, now };
  // Some come back while others are still copied for; after a failure all, in whatever phase that happened.
  const isReturning = stand !== 'done' && run.phase !== undefined && run.phase !== 'starting' && isBack(run);
  return [
    ...(run.phase === undefined ? [] : ownLines(run, view, stand)),
    ...(isReturning ? startLines(run, view, stand) : []),
    ...run.hooks.flatMap((hook) => hookLines(view, hook, stand === 'broken')),
  ];
};

/** Did containers come back before the run said that it starts them? */
const isBack = (run: RunView): boolean =>
  run.backSince !== undefined && ['stopping', 'while-stopped', 'copying'].includes(run.phase ?? '');
