import { heeding } from '../base/wait/heed.ts';
import type { Engine } from './engine.ts';

/**
 * The same engine, but its calls on containers reject with the signal's reason as soon as it aborts, answered
 * or not, and none begins after that. What was asked for may be done all the same: look before you undo it.
 */
export const abandonable = (engine: Engine, signal: AbortSignal): Engine => {
  const both = (own: AbortSignal | undefined): AbortSignal =>
    own === undefined ? signal : AbortSignal.any([own, signal]);
  return {
    ...engine,
    inspect: (id) => heeding(signal, () => engine.inspect(id)),
    stop: (id, own) => heeding(signal, () => engine.stop(id, both(own))),
    pause: (id) => heeding(signal, () => engine.pause(id)),
    setRestartPolicy: (id, policy) => heeding(signal, () => engine.setRestartPolicy(id, policy)),
    exec: (id, request) =>
      heeding(signal, () => engine.exec(id, { ...request, signal: both(request.signal) })),
  };
};
