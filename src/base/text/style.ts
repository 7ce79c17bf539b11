import { Chalk } from 'chalk';
import { plainStyle, type Style } from './tone.ts';

/** The sixteen colours that every terminal has, so that people's own palettes hold. */
const chalk = new Chalk({ level: 1 });

const colours: Style = {
  plain: plainStyle.plain,
  good: chalk.green,
  warn: chalk.yellow,
  bad: chalk.red,
  strong: chalk.bold,
  quiet: chalk.dim,
  accent: chalk.cyan,
};

/** How the tones look: in colours, or as plain text. Whether a stream wants colours is the caller's to know. */
export const styleOf = (color: boolean): Style => (color ? colours : plainStyle);
