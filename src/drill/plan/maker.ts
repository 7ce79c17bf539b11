import { join } from 'node:path';
import type { SandboxMount } from '../model/types.ts';
import type { DataFacts, DataPlan, Restore, ScratchFile } from './types.ts';

/** Collects a data plan; names of volumes and files are made here and of nothing else. */
export class DataPlanMaker {
  readonly volumes: string[] = [];
  readonly restores: Restore[] = [];
  readonly empty: string[] = [];
  readonly folders: { readonly volume: string; readonly path: string }[] = [];
  readonly files: ScratchFile[] = [];
  readonly mounts: SandboxMount[] = [];
  readonly observations: string[] = [];
  readonly #facts: DataFacts;
  #count = 0;
  readonly #named = new Map<string, SandboxMount['from']>();

  constructor(facts: DataFacts) {
    this.#facts = facts;
  }

  /** A volume that nobody has yet. */
  volume(): { readonly kind: 'volume'; readonly name: string } {
    const name = `${this.#facts.project}_${++this.#count}`;
    this.volumes.push(name);
    return { kind: 'volume', name };
  }

  /** A file of the scratch folder that is not there yet. */
  file(): { readonly kind: 'file'; readonly path: string } {
    return { kind: 'file', path: join(this.#facts.scratch, `file-${++this.#count}`) };
  }

  /** The same place whenever the same thing of the original is asked for. */
  once(key: string, make: () => SandboxMount['from']): SandboxMount['from'] {
    const found = this.#named.get(key) ?? make();
    this.#named.set(key, found);
    return found;
  }

  covers(service: string, destination: string): boolean {
    return this.mounts.some((mount) => mount.service === service && mount.destination === destination);
  }

  get plan(): DataPlan {
    const { volumes, restores, empty, folders, files, mounts, observations } = this;
    return { volumes, restores, empty, folders, files, mounts, observations };
  }
}
