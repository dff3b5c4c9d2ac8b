// Runs one test, or a few: `npm run one -- hostile.test.ts "part of its name"`, reported in TAP.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const [file = "", ...names] = process.argv.slice(2);
const patterns = names.map((name) => `--test-name-pattern=${name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")}`);
const here = import.meta.dirname;
const { status } = spawnSync(
  process.execPath,
  [
    "--test", "--test-reporter=tap", "--test-timeout=120000", `--test-global-setup=${join(here, "harness/build.ts")}`,
    ...patterns, join(here, "tests", file),
  ],
  { stdio: ["ignore", "inherit", "inherit"] },
);
process.exit(status ?? 1);
