import type { ManifestDump } from '../../snapshot/types.ts';
import type { Mount } from '../../stack/types.ts';
import { isEmptiable, isWritableHere } from './through.ts';
import type { LeftOut, RestoreChoice, RestoreFacts } from './types.ts';

/** Who is of another project is not stopped unasked. */
export const othersRefusal = (
  found: readonly { readonly name: string; readonly uses: string }[],
  { stopOthers }: RestoreChoice,
): readonly string[] =>
  stopOthers
    ? []
    : found.map(
        ({ name, uses }) =>
          `${name} uses ${uses} too, and is of another project: it is stopped for the restore only with --stop-others`,
      );

/** All that was asked for stays where it is. */
export const nothingLeft = (all: readonly unknown[], left: readonly LeftOut[]): readonly string[] =>
  all.length > 0 && all.length === left.length
    ? left.map(({ name, reason }) => `${name} cannot be put back: ${reason}`)
    : [];

/** A snapshot goes back where it came from. */
export const projectRefusal = ({ instance, manifest }: RestoreFacts): readonly string[] =>
  instance.project === manifest.project
    ? []
    : [
        `the snapshot is of the Compose project ${manifest.project}, and ${instance.name} is ${instance.project}`,
      ];

/** A load that fails, or dies, is undone by putting back what was kept: that has to be there, and to be possible. */
export const unguarded = (
  { writable }: RestoreFacts,
  { fromDump, safety, paths, volumes }: RestoreChoice,
  guarded: readonly Mount[],
): readonly string[] => [
  ...(fromDump && !safety ? ['a dump is loaded only with a safety snapshot: leave out --no-safety'] : []),
  ...(fromDump && paths.length > 0 ? ['a dump is loaded in whole: leave out --path'] : []),
  ...(fromDump && volumes.length > 0 ? ['a dump is chosen by its service: leave out --volume'] : []),
  ...guarded.flatMap((mount) =>
    isWritableHere(mount, writable) || isEmptiable(mount)
      ? []
      : [
          `${mount.name} cannot be written under a path of this host, nor emptied through the engine, so a load could not be undone: run the tool as root where the engine runs`,
        ],
  ),
];

/** Services of dumps that have no container: nothing says where their files would lie. */
const withoutContainer = ({ stack }: RestoreFacts, loads: readonly ManifestDump[]): readonly string[] =>
  [...new Set(loads.filter(({ kind }) => kind !== 'postgres').map(({ service }) => service))].filter(
    (service) => !stack.containers.some((one) => one.service === service && !one.oneOff),
  );

/** What dumps need to be loaded into has to run, or to be there at least. */
export const servingOf = (
  facts: RestoreFacts,
  loads: readonly ManifestDump[],
): { readonly serving: readonly string[]; readonly refusals: readonly string[] } => {
  const { stack } = facts;
  const services = [
    ...new Set(loads.filter(({ kind }) => kind === 'postgres').map(({ service }) => service)),
  ];
  const found = services.map((service) => ({
    service,
    container: stack.containers.find((one) => one.service === service && one.details.state === 'running'),
  }));
  return {
    serving: found.flatMap(({ container }) => (container === undefined ? [] : [container.id])),
    refusals: [
      ...found.flatMap(({ service, container }) =>
        container === undefined
          ? [`${service} does not run: a dump is loaded into a database that runs`]
          : [],
      ),
      ...withoutContainer(facts, loads).map(
        (service) => `${service} has no container: its dump is loaded into what one has mounted`,
      ),
    ],
  };
};
