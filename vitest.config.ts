import { defineConfig } from 'vitest/config';

/** Suites that need a real engine: stacks start and stop in them, and much of it is waiting. */
const onEngine = {
  testTimeout: 120_000,
  hookTimeout: 180_000,
  globalSetup: 'tests/support/built.ts',
};

/** Runs four stacks at a time by itself, and measures: alone, after all others. */
const boundaries = 'tests/faults/boundaries.test.ts';

export default defineConfig({
  test: {
    // Two files at a time on two cores: while one waits for a container, the other has the processor.
    maxWorkers: 2,
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'html'] },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.ts'],
          testTimeout: 20_000,
          globalSetup: 'tests/support/built.ts',
        },
      },
      { test: { name: 'contract', include: ['tests/contract/**/*.test.ts'], ...onEngine } },
      { test: { name: 'e2e', include: ['tests/e2e/**/*.test.ts'], ...onEngine } },
      {
        test: { name: 'faults', include: ['tests/faults/**/*.test.ts'], exclude: [boundaries], ...onEngine },
      },
      { test: { name: 'boundaries', include: [boundaries], sequence: { groupOrder: 1 }, ...onEngine } },
    ],
  },
});
