// Counts the tests in a JSON report of vitest and prints `N passed, N failed[, N skipped]` as the last line.
// Exit code 1 when there is no report, no test in it, or one that failed. Runs on whatever Node there is.
import { readFileSync } from 'node:fs';

const readReport = (file) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`There are no test results to count: ${error.message}`);
    return { success: false, testResults: [] };
  }
};

const report = readReport(process.argv[2]);
const files = Array.isArray(report.testResults) ? report.testResults : [];
const tests = files.flatMap((file) => file.assertionResults ?? []);
const count = (...states) => tests.filter(({ status }) => states.includes(status)).length;

// A file that could not be loaded, or whose set-up failed, has no failed test to show for it.
const broken = files.filter(
  ({ status, assertionResults = [] }) =>
    status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
);
for (const { name, message } of broken) console.error(`${name} failed as a whole: ${message}`);

const passed = count('passed');
const failed = count('failed') + broken.length;
const skipped = tests.length - passed - count('failed');
if (tests.length === 0) console.error('No test was run.');
else if (report.success !== true && failed === 0)
  console.error('The run failed outside of any test; see above.');

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = passed + failed > 0 && failed === 0 && report.success === true ? 0 : 1;
