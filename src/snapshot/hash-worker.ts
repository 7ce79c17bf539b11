import { parentPort, workerData } from 'node:worker_threads';
import { answerer, type HashJob, type HashWorkerData } from './hash/answer.ts';

const answer = answerer(workerData as HashWorkerData, {
  blockBytes: 1024 * 1024,
  most: Number.POSITIVE_INFINITY,
});

parentPort?.on('message', (job: HashJob) => {
  const result = answer(job);
  parentPort?.postMessage(result, [result.digests.buffer]);
});
