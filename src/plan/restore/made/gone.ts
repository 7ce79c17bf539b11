import type { ManifestMount } from '../../../snapshot/types.ts';
import { composeLabel } from '../../../stack/labels.ts';
import { holdsMask, redactOptions } from '../../../stack/redact.ts';
import type { RestoreFacts, VolumeSpec } from '../types.ts';

/** `driver local, type=nfs, …`, without passwords. */
export const described = ({ driver, options }: VolumeSpec): string =>
  [
    `driver ${driver}`,
    ...Object.entries(redactOptions(options)).map(([name, value]) => `${name}=${value}`),
  ].join(', ');

const isPlain = ({ driver, options }: ManifestMount): boolean =>
  driver === 'local' && Object.keys(options).length === 0;

const byHand = 'make it with `docker volume create`, or name the compose files in the configuration';

/** As the snapshot has it, or why that is not followed: options can mount anything, and passwords are not kept. */
const fromManifest = ({ isOwn }: RestoreFacts, mount: ManifestMount): VolumeSpec | string => {
  const { name, driver, options } = mount;
  const masked = Object.keys(options).filter((key) => holdsMask(options[key] ?? ''));
  if (!isOwn)
    return `the volume ${name} is gone, had a driver or options of its own, and no compose file that can be read here says which: a snapshot that lies in no backups folder of the instance is not followed in that. ${byHand}`;
  if (masked.length > 0)
    return `the volume ${name} is gone, and a password in its options (${masked.join(', ')}) is not kept in the snapshot: ${byHand}`;
  // Without that label Compose takes the volume as it is, whatever its files say today.
  const { [composeLabel.configHash]: _, ...labels } = mount.labels;
  return { name, driver, options, labels };
};

/**
 * A volume that is gone, as Compose would make it: by what the compose files say today. What a manifest says of
 * drivers and options is followed only where nothing else does, and the snapshot is the instance's own.
 */
export const specOf = (facts: RestoreFacts, mount: ManifestMount): VolumeSpec | string => {
  const declared = facts.declared?.volumes.get(mount.name);
  if (declared !== undefined) {
    const { name, driver, options, labels } = declared;
    const version = facts.stack.composeVersion;
    const own = declared.external || version === undefined ? {} : { [composeLabel.version]: version };
    return { name, driver, options, labels: { ...labels, ...own } };
  }
  if (!isPlain(mount)) return fromManifest(facts, mount);
  const key = mount.labels[composeLabel.volume];
  const labels =
    key === undefined || mount.external
      ? {}
      : { [composeLabel.project]: facts.instance.project, [composeLabel.volume]: key };
  return { name: mount.name, driver: 'local', options: {}, labels };
};
