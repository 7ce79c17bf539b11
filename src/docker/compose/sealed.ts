/** What docker itself goes by: where its programs, its settings and its engine are. */
const needed = [
  'PATH',
  'HOME',
  'TMPDIR',
  'SSH_AUTH_SOCK',
  'DOCKER_CONFIG',
  'DOCKER_CONTEXT',
  'DOCKER_HOST',
  'DOCKER_CERT_PATH',
  'DOCKER_TLS_VERIFY',
  'DOCKER_API_VERSION',
  'STACK_BACKUP_RUN', // a recovery finds by it what outlives a run
] as const;

/**
 * The environment in which Compose reads files that somebody else has written: they may ask for any variable, and
 * for files that lie on other machines, which Compose would fetch with programs of this one.
 */
export const sealedEnv = (env: NodeJS.ProcessEnv = process.env): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(
    needed.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  ),
  COMPOSE_EXPERIMENTAL_GIT_REMOTE: 'false',
  COMPOSE_EXPERIMENTAL_OCI_REMOTE: 'false',
  COMPOSE_DISABLE_ENV_FILE: 'true',
});
