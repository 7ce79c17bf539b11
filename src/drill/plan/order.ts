import { fieldsOf } from '../model/read.ts';
import type { Fields } from '../model/types.ts';

const needsOf = (model: Fields, service: string): readonly string[] => {
  const about = fieldsOf(fieldsOf(model.services)[service]);
  const shared =
    typeof about.network_mode === 'string' ? about.network_mode.replace(/^service:/, '') : undefined;
  return [...Object.keys(fieldsOf(about.depends_on)), ...(shared === undefined ? [] : [shared])];
};

/** These services of a sandbox, each after those it depends on, however indirectly. Circles end somewhere. */
export const inDependencyOrder = (model: Fields, services: readonly string[]): readonly string[] => {
  const seen = new Set<string>();
  const order: string[] = [];
  const visit = (service: string): void => {
    if (seen.has(service)) return;
    seen.add(service);
    for (const need of needsOf(model, service)) visit(need);
    if (services.includes(service)) order.push(service);
  };
  for (const service of services) visit(service);
  return order;
};
