/** `npm run check` has no time for all random cases: `CASES=few` takes a few of them (docs/development.md). */
const areFew = process.env.CASES === 'few';

/** How many random cases a property is tried with: all of them, or one in ten. */
export const casesOf = (all: number): number => (areFew ? Math.ceil(all / 10) : all);
