import { freeSpace } from '../../base/disk.ts';
import { StackBackupError } from '../../base/errors.ts';
import { formatBytes } from '../../base/text/amount.ts';
import { assertInside } from '../../copy/back/wanted/inside.ts';
import type { Manifest } from '../../snapshot/types.ts';
import { landmarksOf } from '../data/landmarks.ts';
import { servicesFor } from '../model/names.ts';
import { withSingleDollars } from '../model/read.ts';
import type { Json, SandboxService } from '../model/types.ts';
import type { Drill } from '../task.ts';
import { planData } from './data.ts';
import type { Secrecy } from './extras.ts';
import { type HostPaths, hostPathsOf } from './host.ts';
import type { DataPlan } from './types.ts';

export interface Prepared {
  readonly services: readonly SandboxService[];
  readonly data: DataPlan;
}

/** Every image of the services that take part; the first that is missing ends the drill before it begins. */
const requireImages = async ({ tools, task }: Drill, services: readonly SandboxService[]): Promise<void> => {
  for (const { name, imageId } of services) {
    if (await tools.engine.hasImage(imageId)) continue;
    const known = task.manifest.containers.find((one) => one.imageId === imageId);
    const digest = known?.digests[0];
    const how =
      digest === undefined
        ? `Load it (\`docker load\`) or build it again; the snapshot knows no digest to pull it by.`
        : `Pull it: \`docker pull ${digest}\`.`;
    throw new StackBackupError(
      'image-missing',
      `the image of service ${name} is not on this engine: ${known?.image ?? ''} ${imageId}`,
      { next: `${how} Or leave the service out with \`drill.leave_out\`.` },
    );
  }
};

/** Room for what is put back, and what is taken from this host, where the engine keeps its volumes. */
const requireSpace = async (
  { tools }: Drill,
  { restores, folders }: DataPlan,
  host: HostPaths,
): Promise<void> => {
  if (!tools.info.local) return;
  const taken = folders.reduce((sum, { path }) => sum + (host.bytes.get(path) ?? 0), 0);
  const needed = restores.reduce((sum, { mount }) => sum + mount.bytes, taken);
  const free = await freeSpace(tools.info.rootDir);
  if (free.bytes > needed * 1.05) return;
  throw new StackBackupError(
    'space-short',
    `the drill needs ${formatBytes(needed)} in ${tools.info.rootDir}, where ${formatBytes(free.bytes)} are free`,
    { next: 'Free space there, or run the drill on another machine from a copy of the snapshot.' },
  );
};

/** Services whose databases are loaded from dumps, when that is what is drilled. */
const dumped = ({ task }: Drill): ReadonlySet<string> =>
  new Set(
    task.data === 'dumps'
      ? task.manifest.dumps.filter(({ kind }) => kind === 'postgres').map(({ service }) => service)
      : [],
  );

/** Reads what each copy is, and which of them are not put back because a database is loaded instead. */
const copyFacts = async (drill: Drill, manifest: Manifest) => {
  const single = new Set<string>();
  const blank = new Set<string>();
  const services = dumped(drill);
  for (const mount of manifest.mounts) {
    await assertInside({ folder: drill.task.folder, mount });
    const { isSingle, holdsPostgres } = await landmarksOf(drill.task.folder, mount);
    if (isSingle) single.add(mount.name);
    if (holdsPostgres && mount.users.some(({ service }) => services.has(service))) blank.add(mount.name);
  }
  return { single, blank };
};

const takingPart = ({ task }: Drill, model: Json): readonly SandboxService[] =>
  servicesFor(task.manifest, withSingleDollars(model)).filter(
    ({ name }) => !task.settings.leaveOut.includes(name),
  );

/**
 * Looks at everything that a drill needs and decides what goes where. Nothing is made. Rejects with
 * `image-missing`, `space-short`, or `verify-failed` for a snapshot that names what is not in it.
 */
export const prepare = async (drill: Drill, secrecy: Secrecy): Promise<Prepared> => {
  const { task, scratch, id } = drill;
  const { model, isTrusted } = task.source;
  const services = takingPart(drill, model);
  await requireImages(drill, services);
  const host = await hostPathsOf(drill, services);
  const facts = {
    project: id,
    scratch,
    mounts: task.manifest.mounts,
    isTrusted,
    host: host.kinds,
    ...(await copyFacts(drill, task.manifest)),
  };
  const data = planData(facts, model, services, secrecy);
  await requireSpace(drill, data, host);
  drill.observations.push(...data.observations);
  return { services, data };
};
