import { type Cell, table } from '../../base/text/table.ts';
import type { Line } from '../../base/text/tone.ts';
import type { BackupPlan } from '../types.ts';

/** What is stopped or frozen, wave by wave, each container with the reason. */
export const waveTable = ({ stopWaves }: Pick<BackupPlan, 'stopWaves'>, width: number): readonly Line[] => {
  const rows = stopWaves.flatMap((wave, at) =>
    wave.map((one, place): Cell[] => [
      place === 0 ? `${at + 1}` : '',
      one.name,
      { text: one.action, tone: one.action === 'stop' ? 'plain' : 'accent' },
      one.reason,
    ]),
  );
  const columns = [{ tone: 'quiet', align: 'right' }, { max: 32 }, {}, { tone: 'quiet' }] as const;
  return table(rows, columns, { width, indent: 2 });
};
