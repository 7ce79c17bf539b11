import { getPriority, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { answerer, type HashJob, type HashWorkerData } from './hash/answer.ts';

/** So much nicer is what is last in line: as much as what copies while services run (`copy/gentle`). */
const nicer = 10;

/** On Linux niceness is each thread's own. */
const becomeLast = (): void => {
  try {
    setPriority(0, Math.min(19, getPriority(0) + nicer));
  } catch {
    // It hashes all the same.
  }
};

const data = workerData as HashWorkerData;
if (data.last) becomeLast();
const answer = answerer(data, {
  blockBytes: 1024 * 1024,
  most: Number.POSITIVE_INFINITY,
});

parentPort?.on('message', (job: HashJob) => {
  const result = answer(job);
  parentPort?.postMessage(result, [result.digests.buffer]);
});
