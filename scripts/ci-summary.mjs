// The end of `.ci/run`: says which steps failed and, as the last line, "N passed, M failed": the tests by Vitest's JSON report,
// and one failure more for each other failed step. `node scripts/ci-summary.mjs report.json [failed step …]`
import { existsSync, readFileSync } from "node:fs";

const [file = "", ...brokenSteps] = process.argv.slice(2);
/** @type {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, success: boolean }} */
const none = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, success: false };
const tests = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : none;
// Tests can fail without a failed test, e.g. when a file does not load; that is one failure, not none.
const otherSteps = brokenSteps.filter((step) => !step.startsWith("npm run test:all")).length;
const testsBroken = !tests.success || otherSteps < brokenSteps.length;
const failed = otherSteps + (testsBroken ? Math.max(1, tests.numFailedTests) : 0);

for (const step of brokenSteps) console.log(`FAILED: ${step}`);
if (tests.numPendingTests) console.log(`${tests.numPendingTests} skipped, each with its reason above`);
console.log(`${tests.numPassedTests} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
