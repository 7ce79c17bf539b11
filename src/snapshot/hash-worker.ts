import { parentPort, workerData } from 'node:worker_threads';
import { answerer, type HashJob, type HashWorkerData } from './hash/answer.ts';
import { becomeLast, heeding } from './hash/rest.ts';

const data = workerData as HashWorkerData;
if (data.last) becomeLast();
const answer = answerer(data, {
  blockBytes: 1024 * 1024,
  most: Number.POSITIVE_INFINITY,
  beforeBlock: heeding(data.rest),
});

parentPort?.on('message', (job: HashJob) => {
  const result = answer(job);
  parentPort?.postMessage(result, [result.digests.buffer]);
});
