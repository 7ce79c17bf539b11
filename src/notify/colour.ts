import { styleOf } from '../base/text/style.ts';
import type { Style } from '../base/text/tone.ts';
import type { Output } from './listener.ts';

export interface ColourWish {
  /** False with `--no-color`. */
  readonly color: boolean;
  readonly env: NodeJS.ProcessEnv;
}

/** Colours where a terminal shows them and nobody minds (https://no-color.org, TERM=dumb). */
export const styleFor = (stream: Output, { color, env }: ColourWish): Style => {
  const isMinded = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  return styleOf(color && !isMinded && stream.isTTY === true);
};
