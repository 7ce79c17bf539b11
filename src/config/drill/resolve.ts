import { resolve } from 'node:path';
import { duration } from '../hooks.ts';
import type { DrillSettings, RawDrill, RawDrills } from './types.ts';

const texts = (given: Readonly<Record<string, string | number | boolean>>): Record<string, string> =>
  Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));

/** The settings of an instance's drills with every default filled in. Relative paths start at `folder`. */
export const drillOf = (raw: RawDrill = {}, common: RawDrills = {}, folder = ''): DrillSettings => ({
  rto: duration(raw.rto, '0s'),
  rpo: duration(raw.rpo, '0s'),
  health: duration(raw.health, '5m'),
  secrets: raw.secrets ?? 'none',
  environment: Object.fromEntries(
    Object.entries(raw.environment ?? {}).map(([service, values]) => [service, texts(values)]),
  ),
  leaveOut: raw.leave_out ?? [],
  ignoreRows: raw.ignore_rows ?? [],
  manual: raw.manual ?? [],
  every: duration(common.every, '30d'),
  runbook: common.runbook === undefined ? undefined : resolve(folder, common.runbook),
});
