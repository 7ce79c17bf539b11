/**
 * `npm run bench:restore`: puts back all, and one per cent, of 3 GB as a database keeps them, in turns with
 * `cp -a` and `rsync`, and compares with what was promised. See docs/performance.md.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensurePeers } from './bench/nights/peers.ts';
import { database } from './bench/nights/sets/database.ts';
import { runBench } from './bench/program.ts';
import { snapshotOf } from './bench/restore/snapshot.ts';
import { type Place, type Way, ways } from './bench/restore/ways.ts';
import { run } from './bench/run.ts';
import { say } from './bench/say.ts';
import { markdown, median } from './bench/table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    folder: { type: 'string', default: tmpdir() },
  },
});

type Times = Map<Way, number[]>;

const of = (times: Times, way: Way): number => median(times.get(way) ?? []);

/** What was promised: the time of one way by that of another. */
const targets = [
  { title: 'all ÷ rsync', way: ways.ownAll, peer: ways.rsyncAll, most: 1.2 },
  { title: '1 % ÷ all with `cp -a`', way: ways.ownPart, peer: ways.copyAll, most: 0.15 },
  { title: '1 % in pages ÷ all with `cp -a`', way: ways.ownScattered, peer: ways.copyAll, most: 0.15 },
] as const;

const reportOf = (times: Times): { readonly text: string; readonly met: boolean } => {
  const all = Object.values(ways);
  const rows = all.map((way) => [
    way.title,
    `${of(times, way).toFixed(2)} s`,
    (of(times, way) / of(times, ways.copyAll)).toFixed(2),
  ]);
  const judged = targets.map(({ title, way, peer, most }) => {
    const ratio = of(times, way) / of(times, peer);
    return {
      row: [title, ratio.toFixed(2), `≤ ${most}`, ratio <= most ? 'met' : 'not met'],
      met: ratio <= most,
    };
  });
  return {
    text: [
      markdown([['way', 'median', '÷ `cp -a`'], ...rows]),
      markdown([['ratio', 'measured', 'target', ''], ...judged.map(({ row }) => row)]),
    ].join('\n\n'),
    met: judged.every(({ met }) => met),
  };
};

const bench = async (signal: AbortSignal): Promise<void> => {
  const [rounds, scale] = [Number(values.rounds), Number(values.scale)];
  await ensurePeers(signal);
  const folder = await mkdtemp(join(resolve(values.folder), 'stack-backup-bench-'));
  try {
    const live = join(folder, 'live');
    await mkdir(live);
    const size = await database.fill(live, scale, signal);
    say(`${size.files} files, ${size.bytes} bytes, ${rounds} rounds`);
    await new Promise((done) => setTimeout(done, 100)); // younger files count as changed
    const source = await snapshotOf(live, join(folder, 'snapshot'));
    const place: Place = {
      source,
      live,
      fresh: join(folder, 'fresh'),
      kept: join(folder, 'kept'),
      scale,
      signal,
    };
    const times: Times = new Map();
    const all: readonly Way[] = Object.values(ways);
    for (let round = 0; round < rounds; round++)
      for (let turn = 0; turn < all.length; turn++) {
        const way = all[(round + turn) % all.length] as Way;
        await way.prepare(place, round * all.length + turn);
        await run(['sync', '-f', folder]);
        const from = performance.now();
        await way.restore(place);
        const seconds = (performance.now() - from) / 1000;
        say(`round ${round + 1}, ${way.title}: ${seconds.toFixed(2)} s`);
        times.set(way, [...(times.get(way) ?? []), seconds]);
      }
    const report = reportOf(times);
    process.stdout.write(`${report.text}\n`);
    if (!report.met) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

await runBench(bench);
