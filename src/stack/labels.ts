/** Labels that Compose puts on what it makes (Compose v2, `pkg/api/labels.go`). */
export const composeLabel = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  number: 'com.docker.compose.container-number',
  volume: 'com.docker.compose.volume',
  oneOff: 'com.docker.compose.oneoff',
  dependsOn: 'com.docker.compose.depends_on',
  configHash: 'com.docker.compose.config-hash',
  configFiles: 'com.docker.compose.project.config_files',
  workingDir: 'com.docker.compose.project.working_dir',
  version: 'com.docker.compose.version',
  environmentFile: 'com.docker.compose.project.environment_file',
} as const;

/** `docker compose config` prints a dollar sign as two. */
export const singleDollars = (text: string): string => text.replaceAll('$$', '$');
