import { defineConfig } from 'vitest/config';

/** Suites that need a real engine run one file at a time: they share two cores and one daemon. */
const onEngine = { testTimeout: 120_000, hookTimeout: 180_000, fileParallelism: false };

export default defineConfig({
  test: {
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'html'] },
    projects: [
      { test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], testTimeout: 20_000 } },
      { test: { name: 'contract', include: ['tests/contract/**/*.test.ts'], ...onEngine } },
      { test: { name: 'e2e', include: ['tests/e2e/**/*.test.ts'], ...onEngine } },
      { test: { name: 'faults', include: ['tests/faults/**/*.test.ts'], ...onEngine } },
    ],
  },
});
