import { checkRules } from './check-rules.ts';
import { type Finding, fault } from './finding.ts';
import { hookRules } from './hook-rules.ts';
import { printed } from './problem.ts';
import type { LooseConfig } from './sound.ts';
import { durationRule, timezoneRule } from './times.ts';
import { isVerb } from './verbs.ts';

type LooseInstance = NonNullable<NonNullable<LooseConfig['instances']>[string]>;

const nameRule = (name: string): Finding[] =>
  isVerb(name)
    ? [
        fault(
          ['instances', name],
          `an instance cannot be called ${name}: that is a command of stack-backup`,
          'key',
        ),
      ]
    : [];

const projectRule = (instances: ReadonlyMap<string, LooseInstance>): Finding[] => {
  const owners = new Map<string, string>();
  return [...instances].flatMap(([name, instance]) => {
    // A project name that is itself wrong is undefined here although the key is there.
    const project = 'project' in instance ? instance.project : name;
    if (project === undefined) return [];
    const owner = owners.get(project);
    owners.set(project, owner ?? name);
    if (owner === undefined) return [];
    const path = 'project' in instance ? ['instances', name, 'project'] : ['instances', name];
    const at = 'project' in instance ? 'value' : 'key';
    return [
      fault(path, `instances ${owner} and ${name} are both the Compose project ${printed(project)}`, at),
    ];
  });
};

const instanceRules = (name: string, instance: LooseInstance): Finding[] => {
  const path = ['instances', name];
  return [
    ...nameRule(name),
    ...timezoneRule([...path, 'timezone'], instance.timezone),
    ...durationRule([...path, 'limits', 'health'], instance.limits?.health, 'refused'),
    ...durationRule([...path, 'limits', 'downtime'], instance.limits?.downtime, 'allowed'),
    ...durationRule([...path, 'limits', 'max_downtime'], instance.limits?.max_downtime, 'allowed'),
    ...durationRule([...path, 'limits', 'engine'], instance.limits?.engine, 'refused'),
    ...durationRule([...path, 'drill', 'health'], instance.drill?.health, 'refused'),
    ...hookRules(path, instance),
    ...checkRules(path, instance),
  ];
};

/** What a schema cannot say: rules about values that belong together, and about names and times. */
export const findRuleFaults = (config: LooseConfig): readonly Finding[] => {
  const instances = new Map(
    Object.entries(config.instances ?? {}).map(([name, instance]) => [name, instance ?? {}]),
  );
  return [
    ...timezoneRule(['timezone'], config.timezone),
    ...projectRule(instances),
    ...[...instances].flatMap(([name, instance]) => instanceRules(name, instance)),
  ];
};
