import { composeLabel } from './labels.ts';
import type { Edge, StackContainer } from './types.ts';

type Condition = NonNullable<Edge['condition']>;
const conditions: readonly string[] = [
  'service_started',
  'service_healthy',
  'service_completed_successfully',
];

/** `db:service_healthy:false,cache:service_started:true` → services with their conditions. */
const dependencies = (label: string | undefined): { service: string; condition: Condition }[] =>
  (label ?? '')
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [service = '', condition = ''] = part.split(':');
      const known = conditions.includes(condition) ? (condition as Condition) : 'service_started';
      return { service, condition: known };
    });

/** The container that `mode` (`container:<id or name>`) points to, if it is one of these. */
const sharedWith = (mode: string, containers: readonly StackContainer[]): StackContainer | undefined =>
  mode.startsWith('container:') ? find(mode.slice('container:'.length), containers) : undefined;

const find = (reference: string, containers: readonly StackContainer[]): StackContainer | undefined =>
  containers.find((one) => one.id === reference || one.name === reference) ??
  (reference.length >= 12 ? containers.find((one) => one.id.startsWith(reference)) : undefined);

/**
 * All edges between the containers of a stack, from what the engine and Compose's labels say. A dependency
 * on a service is one on each of its replicas; a `compose run` container is nobody's dependency.
 */
export const edgesOf = (containers: readonly StackContainer[]): readonly Edge[] => {
  const edges: Edge[] = [];
  for (const from of containers) {
    const { details } = from;
    for (const { service, condition } of dependencies(details.labels[composeLabel.dependsOn]))
      for (const to of containers)
        if (to.service === service && !to.oneOff && to.id !== from.id)
          edges.push({ from: from.id, to: to.id, reason: 'depends_on', condition });
    const namespaces = [
      ['network', details.networkMode],
      ['ipc', details.ipcMode],
      ['pid', details.pidMode],
    ] as const;
    for (const [reason, mode] of namespaces) {
      const owner = sharedWith(mode, containers);
      if (owner !== undefined) edges.push({ from: from.id, to: owner.id, reason });
    }
    for (const reference of details.volumesFrom) {
      const owner = find(reference.split(':')[0] ?? '', containers);
      if (owner !== undefined) edges.push({ from: from.id, to: owner.id, reason: 'volumes_from' });
    }
    for (const link of details.links) {
      const owner = find((link.split(':')[0] ?? '').replace(/^\//, ''), containers);
      if (owner !== undefined && owner.id !== from.id)
        edges.push({ from: from.id, to: owner.id, reason: 'links' });
    }
  }
  return edges;
};
