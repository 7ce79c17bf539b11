import { Readable } from 'node:stream';

/** What a program is given to read. */
export interface Handed {
  readonly input: Readable;
  /** Throws what went wrong with the source: to the program that looked like its end. */
  readonly assertWhole: () => void;
}

/** Hands a source to a program as it comes. To be asked, once that has ended, whether it got all of it. */
export const handed = (source: AsyncIterable<Buffer>): Handed => {
  let failure: { readonly thrown: unknown } | undefined;
  const watched = async function* () {
    try {
      yield* source;
    } catch (thrown) {
      failure = { thrown };
      throw thrown;
    }
  };
  return {
    input: Readable.from(watched()),
    assertWhole: () => {
      if (failure !== undefined) throw failure.thrown;
    },
  };
};
