// mocha's own "spec" output, and the counts in the file that RPO_TEST_COUNTS names, for the sum at the end of npm test.
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

module.exports = class extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes: passed, failures: failed, pending: skipped } = this.stats;
      if (process.env.RPO_TEST_COUNTS) writeFileSync(process.env.RPO_TEST_COUNTS, JSON.stringify({ passed, failed, skipped }));
    });
  }
};
