import type { Expectation } from '../../config/checks/types.ts';
import { printable } from '../output.ts';

/** A decimal number as an exact fraction of 10^scale; undefined for anything else. */
const decimal = (text: string): { readonly digits: bigint; readonly scale: number } | undefined => {
  const [, sign = '', whole, part = ''] = /^([+-]?)(\d{1,1000})(?:\.(\d{0,1000}))?$/.exec(text.trim()) ?? [];
  if (whole === undefined) return undefined;
  return { digits: BigInt(`${sign === '-' ? '-' : ''}${whole}${part}`), scale: part.length };
};

/** Negative, 0 or positive; exact, however long the numbers are. */
const order = (a: string, b: string): bigint | undefined => {
  const [left, right] = [decimal(a), decimal(b)];
  if (left === undefined || right === undefined) return undefined;
  const scale = Math.max(left.scale, right.scale);
  return left.digits * 10n ** BigInt(scale - left.scale) - right.digits * 10n ** BigInt(scale - right.scale);
};

const shown = (value: string): string => JSON.stringify(printable(value, 100));

const compareNumbers = (is: '>= snapshot' | '<= snapshot', value: string, recorded: string) => {
  const difference = order(value, recorded);
  if (difference === undefined)
    return `${shown(decimal(value) === undefined ? value : recorded)} is no number, so it cannot be compared`;
  if (is === '>= snapshot')
    return difference < 0n
      ? `it is ${shown(value)}, less than the ${shown(recorded)} of the snapshot`
      : undefined;
  return difference > 0n
    ? `it is ${shown(value)}, more than the ${shown(recorded)} of the snapshot`
    : undefined;
};

/**
 * Why a value is not as it has to be, in words; undefined when it is. `recorded` is the value of the snapshot;
 * without it only what holds there too is judged. Pure.
 */
export const whyWrong = (
  expect: Expectation,
  value: string,
  recorded: string | undefined,
): string | undefined => {
  switch (expect.is) {
    case 'equals':
      return value === expect.value.trimEnd()
        ? undefined
        : `it is ${shown(value)}, not ${shown(expect.value)}`;
    case 'matches':
      return new RegExp(expect.pattern, 'u').test(value)
        ? undefined
        : `${shown(value)} does not match ${shown(expect.pattern)}`;
    case 'same':
      return recorded === undefined || value === recorded
        ? undefined
        : `it is ${shown(value)}, not the ${shown(recorded)} of the snapshot`;
    default:
      return recorded === undefined ? undefined : compareNumbers(expect.is, value, recorded);
  }
};
