/** The name of the lock that every run on a project of an engine holds: backups, recoveries. */
export const lockOf = (engineId: string, project: string): string => `${engineId}/${project}`;
