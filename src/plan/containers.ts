import type { Warning } from '../base/events.ts';
import type { Instance, QuiesceMode } from '../config/types.ts';
import { orderOf } from '../stack/order.ts';
import type { Edge, Stack, StackContainer } from '../stack/types.ts';
import type { PlannedContainer, UntouchedContainer } from './types.ts';

export interface ContainerDecisions {
  readonly stopWaves: readonly (readonly PlannedContainer[])[];
  readonly untouched: readonly UntouchedContainer[];
  readonly warnings: readonly Warning[];
}

type Decision = { readonly action: 'stop' | 'pause' | 'leave'; readonly reason: string };

const namespaceReasons: readonly Edge['reason'][] = ['network', 'ipc', 'pid'];

const isUp = (container: StackContainer): boolean =>
  ['running', 'restarting', 'paused'].includes(container.details.state);

/** The mode that the configuration asks for. */
export const modeOf = (instance: Pick<Instance, 'quiesce' | 'services'>, service: string): QuiesceMode =>
  instance.services[service]?.quiesce ?? instance.quiesce;

/** Something others wait for to *end*: starting it again would run it anew. */
const isOneShot = (container: StackContainer, edges: readonly Edge[]): boolean =>
  container.oneOff ||
  edges.some((edge) => edge.to === container.id && edge.condition === 'service_completed_successfully');

const ownDecision = (container: StackContainer, instance: Instance, edges: readonly Edge[]): Decision => {
  const { state, exitCode, autoRemove } = container.details;
  if (!isUp(container))
    return {
      action: 'leave',
      reason: state === 'exited' ? `not running (ended with ${exitCode}); stays so` : `${state}; stays so`,
    };
  if (state === 'paused') return { action: 'leave', reason: 'paused already; stays frozen' };
  const mode = modeOf(instance, container.service);
  if (mode === 'none') return { action: 'leave', reason: 'keeps running (quiesce: none)' };
  if (autoRemove) return { action: 'pause', reason: 'frozen: stopping it would remove it (--rm)' };
  if (isOneShot(container, edges) && state === 'running')
    return { action: 'pause', reason: 'frozen: a one-shot, starting it again would run it anew' };
  if (mode === 'pause' && state !== 'restarting') return { action: 'pause', reason: 'quiesce: pause' };
  return {
    action: 'stop',
    reason: mode === 'stop' ? 'quiesce: stop' : 'restarting all the time: cannot be frozen',
  };
};

/**
 * A container that shares a namespace with one that is stopped loses it (no `eth0` any more) unless it is
 * stopped before and started after it. So whatever shares with a stopped owner is stopped too.
 */
const followOwners = (stack: Stack, decisions: Map<string, Decision>): Warning[] => {
  const warnings: Warning[] = [];
  const sharing = stack.edges.filter((edge) => namespaceReasons.includes(edge.reason));
  for (let changed = true; changed; ) {
    changed = false;
    for (const edge of sharing) {
      const sharer = stack.containers.find((one) => one.id === edge.from);
      const owner = stack.containers.find((one) => one.id === edge.to);
      if (sharer === undefined || owner === undefined || !isUp(sharer)) continue;
      if (decisions.get(owner.id)?.action !== 'stop' || decisions.get(sharer.id)?.action === 'stop') continue;
      const reason = `shares the ${edge.reason} namespace of ${owner.name}, which is stopped`;
      if (sharer.details.autoRemove) {
        if (warnings.some((one) => one.about === sharer.name)) continue;
        warnings.push({
          code: 'namespace-lost',
          about: sharer.name,
          message: `${sharer.name} ${reason}; it would be removed by a stop (--rm), so it stays and loses that namespace`,
        });
        continue;
      }
      decisions.set(sharer.id, { action: 'stop', reason });
      changed = true;
    }
  }
  return warnings;
};

const planned = (container: StackContainer, decision: Decision): PlannedContainer => ({
  id: container.id,
  name: container.name,
  service: container.service,
  action: decision.action === 'pause' ? 'pause' : 'stop',
  stateBefore: container.details.state as PlannedContainer['stateBefore'],
  awaitHealth: container.details.health === 'healthy' && container.details.state === 'running',
  reason: decision.reason,
});

/** Which containers are stopped or frozen, in which waves, and which stay as they are, each with its reason. */
export const decideContainers = (instance: Instance, stack: Stack): ContainerDecisions => {
  const decisions = new Map(
    stack.containers.map(
      (container) => [container.id, ownDecision(container, instance, stack.edges)] as const,
    ),
  );
  const warnings = followOwners(stack, decisions);
  const order = orderOf(
    stack.containers.map((container) => container.id),
    stack.edges,
  );
  const byId = new Map(stack.containers.map((container) => [container.id, container]));
  const taken = (id: string): PlannedContainer[] => {
    const container = byId.get(id);
    const decision = decisions.get(id);
    if (container === undefined || decision === undefined || decision.action === 'leave') return [];
    return [planned(container, decision)];
  };
  const stopWaves = order.waves
    .toReversed()
    .map((wave) => wave.flatMap(taken))
    .filter((wave) => wave.length > 0);
  const untouched = stack.containers.flatMap((container): UntouchedContainer[] => {
    const decision = decisions.get(container.id);
    if (decision === undefined || decision.action !== 'leave') return [];
    const { id, name, service, details } = container;
    return [{ id, name, service, state: details.state, reason: decision.reason }];
  });
  const circle = order.circular.map((id) => byId.get(id)?.name ?? id);
  if (circle.length > 0)
    warnings.push({
      code: 'circular-dependency',
      message: `${circle.join(', ')} need each other in a circle; they are stopped and started together`,
    });
  return { stopWaves, untouched, warnings };
};
