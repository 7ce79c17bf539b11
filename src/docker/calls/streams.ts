import type { Readable } from 'node:stream';
import { longestTimer } from '../../base/wait/heed.ts';
import { whileAnswering } from '../api/answering.ts';
import { openArchive, pathStat, sendArchive } from '../api/archive.ts';
import { demultiplex } from '../api/demux.ts';
import { createHolderContainer, removeHolderContainers } from '../api/holder.ts';
import { eventOf, linesOf, logStream, neverStill, openLog } from '../api/streams.ts';
import type { Engine } from '../engine.ts';
import { engineFailure } from '../failure.ts';
import { abortable, type Calls } from './call.ts';

/** What comes as a stream, or goes as one: events, logs, archives, and the containers that these go through. */
export const streamCalls = (
  { docker, address, call, must }: Calls,
  ping: Engine['ping'],
): Pick<
  Engine,
  'watch' | 'logs' | 'createHolder' | 'removeHolders' | 'readArchive' | 'statArchive' | 'writeArchive'
> => ({
  watch: async (project, onEvent, signal) => {
    const doing = 'watch the events of the engine';
    const filters = { type: ['container'], label: [`com.docker.compose.project=${project}`] };
    const stream = await must(doing, () => abortable(docker).getEvents({ filters, abortSignal: signal }));
    const read = async (): Promise<void> => {
      try {
        for await (const line of linesOf(stream)) onEvent(eventOf(line));
      } catch (error) {
        if (!signal.aborted) throw engineFailure(error, doing, address, signal);
      }
    };
    return { ended: read() };
  },
  logs: async (id) => {
    const doing = `read the log of container ${id}`;
    const { Config } = await must(doing, (abortSignal) => docker.getContainer(id).inspect({ abortSignal }));
    const raw = neverStill(await must(doing, () => openLog(docker, id)), `the log of container ${id}`);
    // A terminal has one stream for both, and the engine sends it as it is.
    return Config.Tty ? raw : logStream(raw, demultiplex);
  },
  createHolder: (request) => must('make a holder container', () => createHolderContainer(docker, request)),
  removeHolders: async (run) => {
    await must(`remove the helper container of ${run}`, () => removeHolderContainers(docker, run));
  },
  readArchive: async (id, path, signal) => {
    const doing = `read ${path} of container ${id}`;
    const open = () => whileAnswering(ping, () => openArchive(docker.getContainer(id), path, signal));
    return (await call(doing, open, { signal, limit: longestTimer })) as Readable;
  },
  statArchive: (id, path) =>
    must(`look at ${path} of container ${id}`, () => pathStat(docker.getContainer(id), path)),
  writeArchive: async (id, path, tar, signal) => {
    const doing = `write ${path} of container ${id}`;
    const write = (given: AbortSignal) =>
      whileAnswering(ping, () => sendArchive(docker.getContainer(id), path, tar, given));
    await call(doing, write, { signal, limit: longestTimer });
  },
});
