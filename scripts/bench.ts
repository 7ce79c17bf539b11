/**
 * `npm run bench`: backs up a generated stack of 2 GB in 50,000 files in three ways, in turns, and compares
 * downtime, total time, processor time and memory with what was promised. See docs/performance.md.
 */
import { methodsFor } from './bench/once/methods.ts';
import { readOptions } from './bench/once/options.ts';
import { reportOf } from './bench/once/report.ts';
import { makeStack } from './bench/once/stack.ts';
import { type Turn, takeTurn } from './bench/once/turn.ts';
import { runBench } from './bench/program.ts';
import { say } from './bench/say.ts';
import { buildTool } from './bench/tool.ts';

const shown = ({ downtime, window, wall, cpu, peak }: Turn): string => {
  const times = { downtime, window, total: wall, CPU: cpu };
  const memory = peak === undefined ? '' : `, ${Math.round(peak / 1e6)} MB`;
  return `${Object.entries(times)
    .map(([name, seconds]) => `${name} ${seconds.toFixed(2)} s`)
    .join(', ')}${memory}`;
};

const bench = async (signal: AbortSignal): Promise<void> => {
  const options = readOptions(process.argv.slice(2));
  await using stack = await makeStack(options.folder, options.scale, signal);
  const methods = methodsFor(stack, await buildTool(stack.folder));
  say(`${stack.size.files} files, ${stack.size.bytes} bytes, ${options.rounds} rounds`);
  const turns: Turn[] = [];
  for (let round = 0; round < options.rounds; round++)
    // Each round begins with another method: none always comes after the same one.
    for (let place = 0; place < methods.length; place++) {
      const method = methods[(round + place) % methods.length];
      if (method === undefined) continue;
      const turn = await takeTurn(stack, method, round, signal);
      say(`round ${round + 1}, ${method.title}: ${shown(turn)}`);
      turns.push(turn);
    }
  const report = reportOf(turns, methods);
  process.stdout.write(`${report.text}\n`);
  if (!report.met) process.exitCode = 1;
};

await runBench(bench);
