import { messageOf } from '../../base/errors.ts';
import { printable } from '../../base/text/printable.ts';
import type { Check } from '../../config/checks/types.ts';
import type { ContainerDetails } from '../../docker/engine.ts';
import { askCheck, inTime, secretsOf } from '../../hooks/checks/ask.ts';
import { whyWrong } from '../../hooks/checks/compare.ts';
import type { CheckResult } from '../../run/drill/record.ts';
import { withoutPassword } from '../data/databases.ts';
import { asContainer } from '../sandbox/container.ts';
import type { Drill } from '../task.ts';

/**
 * What the snapshot has for an answer. Dumps are of another moment than the snapshot's answers: what came from
 * them is held against fixed values only.
 */
const recordedFor = ({ task }: Drill, { name }: Check): string | undefined =>
  task.data === 'dumps' ? undefined : task.manifest.checks?.find((one) => one.name === name)?.value;

/** Asks one check of the configuration in the sandbox, and compares the answer with that of the snapshot. */
export const askInSandbox = async (
  drill: Drill,
  check: Check,
  details: ContainerDetails,
): Promise<CheckResult> => {
  const { tools, task } = drill;
  const container = asContainer(check.service, details);
  const base = { kind: 'check', about: check.name } as const;
  try {
    const value = await inTime(check, tools.signal, (signal) =>
      askCheck(check, {
        engine: tools.engine,
        container,
        hooks: task.hooks.map((hook) => (hook.kind === 'postgres' ? withoutPassword(hook) : hook)),
        secrets: secretsOf([container], task.hooks),
        hostPaths: tools.info.local,
        settled: true,
        signal,
      }),
    );
    const why = whyWrong(check.expect, value, recordedFor(drill, check));
    return { ...base, ok: why === undefined, message: why ?? `it is ${printable(value).slice(0, 100)}` };
  } catch (error) {
    if (tools.signal.aborted) throw error;
    return { ...base, ok: false, message: messageOf(error) };
  }
};

/** One that could not be asked: because its service is not there, if nothing else is said. */
export const notAsked = (
  { name, service }: Check,
  why = `service ${service} did not come up`,
): CheckResult => ({
  kind: 'check',
  about: name,
  ok: false,
  message: `it could not be asked: ${why}`,
});
