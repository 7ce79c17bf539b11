/**
 * `npm run bench:nights`: backs up generated stacks twice in five ways, with one per cent of changes between,
 * while a service writes, and compares the second snapshot and the first with what was promised. See
 * docs/performance.md.
 */

import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { methodsFor } from './bench/nights/methods.ts';
import { type Options, readOptions, type SetName } from './bench/nights/options.ts';
import { ensurePeers } from './bench/nights/peers.ts';
import { hasReflinks } from './bench/nights/reflink.ts';
import { reportOf } from './bench/nights/report.ts';
import { deadlinesOf, roundsOf } from './bench/nights/rounds.ts';
import { database } from './bench/nights/sets/database.ts';
import { odd } from './bench/nights/sets/odd.ts';
import type { DataSet } from './bench/nights/sets/set.ts';
import { million, small } from './bench/nights/sets/small.ts';
import { makeStack, type Stack } from './bench/nights/stack.ts';
import { type Turn, takeNights } from './bench/nights/turn.ts';
import { runBench } from './bench/program.ts';
import { run } from './bench/run.ts';
import { say } from './bench/say.ts';
import { buildTool } from './bench/tool.ts';

/** Sets on the same data follow each other; those that leave the most small files behind come last. */
const order: readonly (readonly [DataSet, readonly SetName[]])[] = [
  [database, ['A', 'A-cold', 'A-reflink']],
  [odd, ['C']],
  [small, ['B']],
  [million, ['million']],
];

const shown = ({ downtime, work: window, wall, cpu, written, peak, changed }: Turn): string =>
  [
    ...Object.entries({ downtime, window, total: wall, CPU: cpu }).map(
      ([name, seconds]) => `${name} ${seconds.toFixed(2)} s`,
    ),
    `written ${Math.round(written / 1e6)} MB`,
    ...(peak === undefined ? [] : [`memory ${Math.round(peak / 1e6)} MB`]),
    ...(changed === undefined ? [] : [`changed ${Math.round(changed / 1e6)} MB`]),
  ].join(', ');

const takeRounds = async (
  stack: Stack,
  set: SetName,
  program: string,
  { rounds, methods: chosen }: Options,
  deadline: number,
  tell: (turn: Turn) => Promise<void>,
  signal: AbortSignal,
): Promise<void> => {
  const all = methodsFor(stack, program).filter(({ key }) => chosen.includes(key));
  for (let round = 0; round < rounds; round++) {
    const methods = all.filter(({ key }) => round < roundsOf(set, key, rounds));
    if (methods.length > 0 && round > 0 && performance.now() > deadline)
      return say(`${set}: no time for more than ${round} rounds`);
    // Each round begins with another method: none always comes after the same one.
    for (let place = 0; place < methods.length; place++) {
      const method = methods[(round + place) % methods.length];
      if (method !== undefined) await takeNights(stack, { set, method, round }, signal, tell);
    }
  }
};

/** The sets that were asked for and can be made here, in the order they are taken in. */
const wantedSets = async (options: Options): Promise<readonly SetName[]> => {
  const wanted = order.flatMap(([, sets]) => sets).filter((set) => options.sets.includes(set));
  if (!wanted.includes('A-reflink') || (await hasReflinks())) return wanted;
  say('A-reflink is left out: this kernel has no XFS');
  return wanted.filter((set) => set !== 'A-reflink');
};

const takeAll = async (options: Options, folder: string, signal: AbortSignal): Promise<readonly Turn[]> => {
  const turns: Turn[] = [];
  const tell = async (turn: Turn): Promise<void> => {
    say(`${turn.set}, round ${turn.round + 1}, ${turn.method}, night ${turn.night}: ${shown(turn)}`);
    turns.push(turn);
    if (options.raw !== undefined) await appendFile(options.raw, `${JSON.stringify(turn)}\n`);
  };
  const program = await buildTool(folder);
  const all = await wantedSets(options);
  const deadlines = deadlinesOf(all, options, performance.now());
  for (const [data, sets] of order) {
    const wanted = sets.filter((set) => all.includes(set));
    if (wanted.length === 0) continue;
    await using stack = await makeStack(folder, data, options.scale, signal);
    say(`${data.title}: ${stack.size.files} files, ${stack.size.bytes} bytes`);
    for (const set of wanted)
      await takeRounds(stack, set, program, options, deadlines.get(set) ?? 0, tell, signal);
  }
  return turns;
};

const bench = async (signal: AbortSignal): Promise<void> => {
  const options = readOptions(process.argv.slice(2));
  await ensurePeers(signal);
  const folder = join(options.folder, `sb-nights-${randomBytes(4).toString('hex')}`);
  await mkdir(folder, { mode: 0o700 });
  if (options.raw !== undefined) await writeFile(options.raw, '');
  try {
    const report = reportOf(await takeAll(options, folder, signal));
    process.stdout.write(`${report.text}\n`);
    if (!report.met) process.exitCode = 1;
  } finally {
    say('removing what was made');
    await run(['rm', '-rf', folder]);
  }
};

await runBench(bench);
