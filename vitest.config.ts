import { randomUUID } from 'node:crypto';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Suites that need a real engine: stacks start and stop in them, and much of it is waiting. */
const onEngine = {
  testTimeout: 120_000,
  hookTimeout: 180_000,
  globalSetup: 'tests/support/build.ts',
};

/** Keeps four stacks at work by itself: alone, after all others. */
const matrix = 'tests/faults/boundaries.test.ts';
/** Measures how long something takes: alone, at the very end. */
const measuring = 'tests/faults/back-in-time.test.ts';

/** What all faults came to: after everything. */
const table = 'tests/faults/table.test.ts';

/** Random trees on real file systems; fewer of them with `CASES=few` (tests/support/cases.ts). */
const copying = 'tests/unit/copy/{back,large,warm}/**/*.test.ts';

/** The longest begin first, then those that wait for clocks; and those that only compute fill what is left. */
const order = [
  ...['/faults/storage-', '/e2e/restore-dumps', '/e2e/drill/', '/faults/', '/e2e/', '/contract/'],
  ...['/unit/base/', '/unit/copy/back/', '/unit/copy/', '/unit/hooks/'],
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = order.findIndex((part) => moduleId.includes(part));
      return found === -1 ? order.length : found;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    // Three files at a time on two cores: while one waits for a container, the others have the processors.
    maxWorkers: 3,
    // What tests count of faults is of one run, or of none.
    env: { SUITE_RUN: randomUUID() },
    setupFiles: 'tests/support/compiled.ts',
    sequence: { sequencer: LongestFirst },
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'html'] },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.ts'],
          exclude: [copying],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          globalSetup: onEngine.globalSetup,
          // The same modules for every file of a worker: to load them anew for each takes a third of the time.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'copying', include: [copying], isolate: false, ...onEngine } },
      { extends: true, test: { name: 'contract', include: ['tests/contract/**/*.test.ts'], ...onEngine } },
      { extends: true, test: { name: 'e2e', include: ['tests/e2e/**/*.test.ts'], ...onEngine } },
      {
        extends: true,
        test: {
          name: 'faults',
          include: ['tests/faults/**/*.test.ts'],
          exclude: [matrix, measuring, table],
          ...onEngine,
        },
      },
      {
        extends: true,
        test: { name: 'matrix', include: [matrix], sequence: { groupOrder: 1 }, ...onEngine },
      },
      {
        extends: true,
        test: { name: 'measuring', include: [measuring], sequence: { groupOrder: 2 }, ...onEngine },
      },
      { extends: true, test: { name: 'table', include: [table], sequence: { groupOrder: 3 }, ...onEngine } },
    ],
  },
});
