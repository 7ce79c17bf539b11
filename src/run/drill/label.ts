/** Containers, networks and volumes of a sandbox carry it, with the id of the drill. */
export const drillLabel = 'io.stack-backup.drill';

export const labelOfDrill = (run: string): string => `${drillLabel}=${run}`;
