// Prints the outcome of the last test run as one plain line. Use: node test-summary.js <results.json>
import { readFileSync } from "node:fs";

const results = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = results;
const skipped = numPendingTests + numTodoTests;
process.stdout.write(`${numPassedTests} passed, ${numFailedTests} failed, ${skipped} skipped\n`);
if (!results.success || numPassedTests === 0) process.exitCode = 1;
