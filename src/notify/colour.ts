import { Chalk } from 'chalk';
import { plainStyle, type Style } from '../base/text/tone.ts';
import type { Output } from './listener.ts';

/** The sixteen colours that every terminal has, so that people's own palettes hold. */
const chalk = new Chalk({ level: 1 });

export const colours: Style = {
  plain: plainStyle.plain,
  good: chalk.green,
  warn: chalk.yellow,
  bad: chalk.red,
  strong: chalk.bold,
  quiet: chalk.dim,
  accent: chalk.cyan,
};

export interface ColourWish {
  /** False with `--no-color`. */
  readonly color: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

/** Colours where a terminal shows them and nobody minds (https://no-color.org, TERM=dumb). */
export const styleFor = (stream: Output, { color, env = process.env }: ColourWish): Style => {
  const isMinded = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  return color && !isMinded && stream.isTTY === true ? colours : plainStyle;
};
