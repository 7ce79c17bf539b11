import { formatBytes, formatCount, plural } from '../../base/text/amount.ts';
import { printable } from '../../base/text/printable.ts';
import type { Sample } from '../../catalog/verified.ts';
import type { Verification } from '../../snapshot/verify.ts';

/** So many that could not be opened are named without --verbose. */
const named = 3;

const lines = (texts: readonly string[]): string => texts.map((text) => `  ${printable(text)}\n`).join('');

const uncheckedOf = ({ unchecked }: Verification, verbose: boolean): string => {
  if (unchecked.length === 0) return '';
  const shown = verbose ? unchecked : unchecked.slice(0, named);
  const rest = unchecked.length - shown.length;
  return lines([
    ...shown.map(({ path, why }) => `not opened: ${path}: ${why}`),
    ...(rest === 0 ? [] : [`not opened: ${rest} more (--verbose names them)`]),
  ]);
};

const skippedOf = ({ skipped }: Verification, sample: Sample | undefined): string =>
  sample === undefined
    ? ''
    : `  share ${sample.part + 1} of ${sample.of}; ${plural(skipped.files, 'file')}, ${formatBytes(skipped.bytes)} not read\n`;

/** What was found, for people. */
export const report = (
  folder: string,
  result: Verification,
  options: {
    readonly sharers: readonly string[];
    readonly sample: Sample | undefined;
    readonly verbose: boolean;
  },
): string => {
  const { sharers, sample, verbose } = options;
  const size = `${formatCount(result.files)} files, ${formatBytes(result.bytes)}`;
  const opened = result.opened === 0 ? '' : `, ${plural(result.opened, 'database')} opened`;
  const rest = skippedOf(result, sample) + uncheckedOf(result, verbose);
  const name = printable(folder);
  if (result.ok) return `${name} is whole: ${size} checked${opened}\n${rest}`;
  const problems = result.problems.map(({ kind, path, message }) => `${kind}: ${path}: ${message}`);
  const shared =
    sharers.length === 0 ? [] : [`shared, so damaged in these snapshots as well: ${sharers.join(', ')}`];
  return `${name} is NOT whole: ${plural(result.count, 'problem')}\n${lines([...problems, ...shared])}${rest}`;
};
