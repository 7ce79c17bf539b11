import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { readHistory } from '../../../src/catalog/history.ts';
import { readers } from '../../../src/copy/readers.ts';
import type { RunRecord } from '../../../src/run/record.ts';
import { verifySnapshot } from '../../../src/snapshot/verify.ts';
import { holderImagesOf, holdersOf, leftoversIn, manifestOf, snapshotsIn } from '../../support/backups.ts';
import type { Observed } from './observe.ts';
import { childrenOf, type FaultStack } from './stack.ts';

export const historyLength = async (backups: string): Promise<number> => (await readHistory(backups)).length;

const problem = (isOne: boolean, text: string): readonly string[] => (isOne ? [text] : []);

/**
 * How many lines the run may have in the history. Exactly one, once it has begun: once its journal and its
 * folder are there. None, as long as nothing is written. In between it is both: a run that fails there has
 * touched nothing, and one that is killed there is found by its journal.
 */
const isRemembered = ({ trace }: Observed, lines: number): boolean => {
  const passed = trace.map(({ name }) => name);
  const least = passed.some((name) => name.endsWith('<run>.json before-stop (2)')) ? 1 : 0;
  const most = passed.some((name) => name.startsWith('after naming')) ? 1 : 0;
  return least <= lines && lines <= most;
};

const historyProblems = (lines: readonly RunRecord[], observed: Observed, made: readonly string[]) => {
  const [line] = lines;
  if (!isRemembered(observed, lines.length)) return [`${lines.length} lines in the history`];
  if (line === undefined) return [];
  const isGood = line.outcome === 'complete' || line.outcome === 'complete-with-warnings';
  return [
    ...problem(isGood !== (made.length === 1), `the history says ${line.outcome}, snapshots: ${made.length}`),
    ...problem(isGood && line.path !== made[0], `the history says ${line.path}`),
    ...problem(line.down.length > 0, `down in the history: ${JSON.stringify(line.down)}`),
  ];
};

/** What has the name of a snapshot must be one, whole. They are removed: the next fault begins afresh. */
const snapshotProblems = async (made: readonly string[]): Promise<readonly string[]> => {
  const problems: string[] = [];
  for (const folder of made) {
    const { ok, problems: found } = await verifySnapshot(folder, { readers });
    problems.push(...problem(!ok, `${basename(folder)} is not whole: ${JSON.stringify(found)}`));
    problems.push(
      ...problem((await manifestOf(folder)).mounts.length !== 2, `${basename(folder)} lacks mounts`),
    );
    await rm(folder, { recursive: true });
  }
  return problems;
};

/** What a run could have left in the engine and among the processes of this host. */
const remains = async (run: string): Promise<readonly string[]> => {
  const [holders, images] = await Promise.all([holdersOf(run), holderImagesOf(run)]);
  return [
    ...problem(holders.length > 0, 'its helper container is left'),
    ...problem(images.length > 0, 'the image of its helper container is left'),
    ...problem(childrenOf(run).length > 0, 'its child processes are left'),
  ];
};

/** Everything that is not as it has to be after a fault and what put it right. */
export const problemsOf = async (
  target: FaultStack,
  observed: Observed,
  known: number,
): Promise<readonly string[]> => {
  const { backups, before } = target;
  const run = observed.events.find((event) => event.type === 'run-started')?.id;
  // Nothing is at work any more, so all of it can be asked for at once.
  const [now, made, left, history, remaining] = await Promise.all([
    target.lasting(),
    snapshotsIn(backups),
    leftoversIn(backups),
    readHistory(backups),
    run === undefined ? [] : remains(run),
  ]);
  const lines = history.slice(known);
  return [
    ...problem(now !== before, `the containers are ${now}`),
    ...problem(left.length > 0, `left behind: ${left.join(', ')}`),
    ...historyProblems(lines, observed, made),
    ...remaining,
    ...(await snapshotProblems(made)),
  ];
};
