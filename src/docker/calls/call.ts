import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { afterMs, heeding } from '../../base/wait/heed.ts';
import { engineFailure, statusOf } from '../failure.ts';

/** How long most calls may take, ms: archive calls lock their container, and a busy engine answers an inspect late. */
export const callLimit = 60_000;

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** ms. */
  readonly limit?: number;
  /** A status that means "already so": the answer is undefined then. */
  readonly ok?: number;
}

/** How one engine is asked. */
export interface Calls {
  readonly docker: Docker;
  readonly address: string;
  /** One call with its deadline, its failure in our words. */
  call<T>(
    doing: string,
    work: (signal: AbortSignal) => Promise<T>,
    options?: CallOptions,
  ): Promise<T | undefined>;
  /** The same where no status is expected. */
  must<T>(doing: string, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

export const callsTo = (docker: Docker, address: string): Calls => {
  const call: Calls['call'] = async (doing, work, options = {}) => {
    const deadline = afterMs(options.limit ?? callLimit);
    const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
    try {
      // Not every call of dockerode knows the signal, and an answer that is cut off it awaits for ever.
      return await heeding(signal, () => work(signal));
    } catch (error) {
      if (options.ok !== undefined && statusOf(error) === options.ok) return undefined;
      throw engineFailure(error, doing, address, options.signal);
    }
  };
  return {
    docker,
    address,
    call,
    must: async <T>(doing: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
      (await call(doing, work)) as T,
  };
};

export interface Abortable {
  ping(options: { abortSignal: AbortSignal }): Promise<unknown>;
  info(options: { abortSignal: AbortSignal }): Promise<Record<string, string>>;
  version(options: { abortSignal: AbortSignal }): Promise<Docker.DockerVersion>;
  getEvents(options: { filters: object; abortSignal: AbortSignal }): Promise<Readable>;
}

/** dockerode takes an abort signal in these calls; its type declarations do not know it. */
export const abortable = (docker: Docker): Abortable => docker as unknown as Abortable;
