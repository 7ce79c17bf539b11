type Json = unknown;

const isMap = (value: Json): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const mapped = (value: Json, change: (value: Json) => Json): Json =>
  isMap(value) ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, change(one)])) : value;

/**
 * Where a variable stands for the source of a mount, only its value tells a path from a volume: Compose takes it
 * for a volume when it does not put values in. In the short form it looks again when it does.
 */
const shortened = (mount: Json): Json => {
  if (!isMap(mount) || mount.type !== 'volume' || typeof mount.source !== 'string') return mount;
  if (!mount.source.includes('$') || typeof mount.target !== 'string') return mount;
  return `${mount.source}:${mount.target}${mount.read_only === true ? ':ro' : ''}`;
};

/** A model in which no value was put in, so that Compose understands it once they are. Pure. */
export const withShortVolumes = (model: Json): Json =>
  isMap(model)
    ? {
        ...model,
        services: mapped(model.services, (service) =>
          isMap(service) && Array.isArray(service.volumes)
            ? { ...service, volumes: service.volumes.map(shortened) }
            : service,
        ),
      }
    : undefined;
