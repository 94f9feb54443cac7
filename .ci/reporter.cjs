// What a test run prints, and its counts in the file that RPO_TEST_COUNTS names, for the sum at the end of npm test.
// On a terminal every test is a line (mocha's "spec"); in a log only what failed is, at once and in full at the end.
const { writeFileSync } = require('node:fs');
const { basename } = require('node:path');
const { reporters } = require('mocha');

function keepCounts(reporter, runner) {
  const failures = [];
  runner.on('fail', (test, { message }) => failures.push(`${basename(test.file ?? '')}: ${test.fullTitle()}: ${message}`));
  runner.once('end', () => {
    const { passes: passed, failures: failed, pending: skipped } = reporter.stats;
    if (process.env.RPO_TEST_COUNTS) writeFileSync(process.env.RPO_TEST_COUNTS, JSON.stringify({ passed, failed, skipped, failures }));
  });
}

class EachTest extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    keepCounts(this, runner);
  }
}

class OnlyFailures extends reporters.Base {
  constructor(runner, options) {
    super(runner, options);
    keepCounts(this, runner);
    runner.on('fail', (test, { message }) => console.log(`FAILED ${basename(test.file ?? '')}: ${test.fullTitle()}: ${message}`));
    runner.once('end', () => this.epilogue());
  }
}

module.exports = process.stdout.isTTY || process.env.RPO_TEST_EACH ? EachTest : OnlyFailures;
