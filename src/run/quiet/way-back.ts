import type { BackupPlan } from '../../plan/types.ts';
import type { Need } from '../../stack/order.ts';
import type { LifecycleHook } from '../../stack/types.ts';

/** What bringing containers back needs to know, whether the run itself does it or a recovery after it. */
export interface WayBack {
  readonly project: string;
  /** Start order among the containers that were touched. */
  readonly needs: readonly Need[];
  /** Containers whose dependents may start only when they are healthy (`condition: service_healthy`). */
  readonly awaited: readonly string[];
  /** All containers of the project that were there: any other one is new. */
  readonly known: readonly string[];
  /** How long a container that was healthy may take to be healthy again, ms. */
  readonly healthMs: number;
  /** Asked after the start: a recovery reads the compose files while the services come up. */
  readonly postStart: (service: string) => readonly LifecycleHook[] | Promise<readonly LifecycleHook[]>;
}

/** The way back out of a plan. */
export const wayBackOf = (plan: BackupPlan, needs: readonly Need[]): WayBack => ({
  project: plan.stack.project,
  needs,
  awaited: [
    ...new Set(
      plan.stack.edges.filter((edge) => edge.condition === 'service_healthy').map((edge) => edge.to),
    ),
  ],
  known: plan.stack.containers.map((container) => container.id),
  healthMs: plan.instance.limits.health,
  postStart: (service) => plan.stack.lifecycle[service]?.postStart ?? [],
});
