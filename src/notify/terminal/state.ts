import type { Phase, RunEvent } from '../../base/events.ts';
import { finite } from '../../base/text/amount.ts';
import { advance, type Meter, newMeter } from './meter.ts';

export interface Wave {
  readonly action: 'stop' | 'pause' | 'unpause' | 'start';
  readonly wave: number;
  readonly of: number;
  readonly containers: readonly string[];
  readonly startedAt: number;
  /** Set when the last of its containers is quiet. */
  readonly endedAt: number | undefined;
}

export interface Copy {
  readonly mount: string;
  readonly entries: number;
  readonly meter: Meter;
  /** Length of the copy, once it is done. */
  readonly ms: number | undefined;
}

export interface Hook {
  readonly hook: string;
  readonly startedAt: number;
  readonly result: { readonly ok: boolean; readonly ms: number; readonly summary: string } | undefined;
}

/** A run as the terminal shows it: the phase it is in and what that phase has done so far. */
export interface RunView {
  readonly instance: string;
  readonly phase: Phase | undefined;
  /** When the phase began. */
  readonly since: number;
  readonly waves: readonly Wave[];
  readonly copies: readonly Copy[];
  /** Of this phase. */
  readonly hooks: readonly Hook[];
  readonly hashing: Meter | undefined;
  /** Containers that have stopped or are frozen. */
  readonly quiet: readonly string[];
  /** Containers that a wave named and that have not come back. */
  readonly down: readonly string[];
  /** Containers that came back, in this order. */
  readonly up: readonly string[];
  /** Since when something is not serving; undefined when nothing is. */
  readonly downSince: number | undefined;
  /** When the first container came back. */
  readonly backSince: number | undefined;
}

/** The runs under way; usually one. */
export type State = readonly RunView[];

type Of<Type extends RunEvent['type']> = RunEvent & { readonly type: Type };

const newRun = (instance: string, now: number): RunView => ({
  instance,
  phase: undefined,
  since: now,
  waves: [],
  copies: [],
  hooks: [],
  hashing: undefined,
  quiet: [],
  down: [],
  up: [],
  downSince: undefined,
  backSince: undefined,
});

const onWave = (run: RunView, event: Of<'wave'>, now: number): RunView => {
  const { action, wave, of, containers } = event;
  const waves = [...run.waves, { action, wave, of, containers, startedAt: now, endedAt: undefined }];
  if (action !== 'stop' && action !== 'pause') return { ...run, waves };
  const down = [...run.down, ...containers.filter((name) => !run.down.includes(name))];
  return { ...run, waves, down, downSince: run.downSince ?? now };
};

/** A wave is over when each of its containers has told so. */
const endWaves = (waves: readonly Wave[], quiet: readonly string[], now: number): readonly Wave[] =>
  waves.map((wave) =>
    wave.endedAt === undefined && wave.containers.every((name) => quiet.includes(name))
      ? { ...wave, endedAt: now }
      : wave,
  );

const onContainer = (run: RunView, { action, container }: Of<'container'>, now: number): RunView => {
  if (action === 'stopped' || action === 'paused') {
    const quiet = [...run.quiet, container];
    return { ...run, quiet, waves: endWaves(run.waves, quiet, now) };
  }
  if (action === 'healthy' || run.up.includes(container)) return run;
  const down = run.down.filter((name) => name !== container);
  return {
    ...run,
    down,
    up: [...run.up, container],
    downSince: down.length === 0 ? undefined : run.downSince,
    backSince: run.backSince ?? now,
  };
};

const changeCopy = (run: RunView, mount: string, change: (copy: Copy) => Copy): RunView => ({
  ...run,
  copies: run.copies.map((copy) => (copy.mount === mount ? change(copy) : copy)),
});

const changeHook = (run: RunView, name: string, change: (hook: Hook) => Hook): RunView => ({
  ...run,
  hooks: run.hooks.map((hook) => (hook.hook === name && hook.result === undefined ? change(hook) : hook)),
});

/** What an event makes of the run it is about. */
const change = (run: RunView, event: RunEvent, now: number): RunView => {
  switch (event.type) {
    case 'phase':
      return { ...run, phase: event.phase, since: now, hooks: [], copies: [] };
    case 'wave':
      return onWave(run, event, now);
    case 'container':
      return onContainer(run, event, now);
    case 'copy-started': {
      const { mount, entries, bytes } = event;
      const copies = run.copies.filter((copy) => copy.mount !== mount);
      return { ...run, copies: [...copies, { mount, entries, meter: newMeter(bytes, now), ms: undefined }] };
    }
    case 'copy-progress':
      return changeCopy(run, event.mount, (copy) => ({
        ...copy,
        meter: advance(copy.meter, event.bytes, now),
      }));
    case 'copy-finished':
      return changeCopy(run, event.mount, (copy) => ({
        ...copy,
        entries: event.entries,
        meter: { ...copy.meter, bytes: event.bytes },
        ms: event.ms,
      }));
    case 'hook-started':
      return { ...run, hooks: [...run.hooks, { hook: event.hook, startedAt: now, result: undefined }] };
    case 'hook-finished':
      return changeHook(run, event.hook, (hook) => ({ ...hook, result: event }));
    case 'hash-progress': {
      const { bytes, of } = event;
      // The phase begins with other work: the rate counts from the first that is heard of hashing.
      const meter = run.hashing ?? { ...newMeter(of, now), measuredBytes: bytes };
      return { ...run, hashing: advance({ ...meter, of: finite(of) }, bytes, now) };
    }
    // The phase ended with it: what is shown of it stands above the error.
    case 'error':
      return { ...run, phase: undefined, hooks: [] };
    default:
      return run;
  }
};

/** The state after an event. Pure; `now` is the forward-going clock in milliseconds. */
export const reduce = (state: State, event: RunEvent, now: number): State => {
  const others = state.filter((run) => run.instance !== event.instance);
  if (event.type === 'run-finished') return others;
  if (event.type === 'run-started') return [...others, newRun(event.instance, now)];
  return state.map((run) => (run.instance === event.instance ? change(run, event, now) : run));
};
