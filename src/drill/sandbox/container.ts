import type { ContainerDetails } from '../../docker/engine.ts';
import type { StackContainer } from '../../stack/types.ts';

/** A container of a sandbox as hooks and checks know containers: each service has one. */
export const asContainer = (service: string, details: ContainerDetails): StackContainer => ({
  id: details.id,
  name: details.name,
  service,
  number: 1,
  oneOff: false,
  details,
});
