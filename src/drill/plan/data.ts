import { servicesOf, withSingleDollars } from '../model/read.ts';
import type { Json, SandboxService } from '../model/types.ts';
import { addGiven, addMounts, type Secrecy } from './extras.ts';
import { DataPlanMaker } from './maker.ts';
import type { DataFacts, DataPlan } from './types.ts';

/** Copies of the snapshot: each into something new, at every place where a service that takes part had it. */
const addRestores = (maker: DataPlanMaker, facts: DataFacts, taking: ReadonlySet<string>): void => {
  for (const mount of facts.mounts) {
    const users = mount.users.filter(({ service }) => taking.has(service));
    if (users.length === 0) continue;
    const to = facts.single.has(mount.name) ? maker.file() : maker.volume();
    if (!facts.blank.has(mount.name)) maker.restores.push({ mount, to });
    else if (to.kind === 'volume') maker.empty.push(to.name);
    const places = users.filter(
      ({ service, destination }) => /^\/[^\0]*$/.test(destination) && !maker.covers(service, destination),
    );
    for (const { service, destination, writable } of places)
      maker.mounts.push({ service, destination, writable, from: to });
    if (places.length === 0 && !facts.blank.has(mount.name))
      maker.observations.push(
        `${mount.name} was put back and counted, but no service had it: there is one container of each`,
      );
  }
};

/**
 * Where everything that the services of a sandbox mount comes from. Pure. What the snapshot has, comes from
 * it; what it cannot have (read-only binds, configs, secrets) from this host or from nowhere; what was left
 * out of it is empty.
 */
export const planData = (
  facts: DataFacts,
  model: Json,
  services: readonly SandboxService[],
  secrecy: Secrecy,
): DataPlan => {
  const maker = new DataPlanMaker(facts);
  const taking = new Set(services.map(({ name }) => name));
  addRestores(maker, facts, taking);
  const read = withSingleDollars(model);
  for (const [name, service] of servicesOf(read)) {
    if (!taking.has(name)) continue;
    addMounts(maker, name, service, facts, secrecy);
    addGiven(maker, name, service, read, facts, secrecy);
  }
  return maker.plan;
};
