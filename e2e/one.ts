// Runs one test: `npm run one -- hostile.test.ts "part of its name"`, reported in TAP.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const [file = "", name = ""] = process.argv.slice(2);
const pattern = name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
const here = import.meta.dirname;
const { status } = spawnSync(
  process.execPath,
  [
    "--test", "--test-reporter=tap", "--test-timeout=120000", `--test-global-setup=${join(here, "harness/build.ts")}`,
    `--test-name-pattern=${pattern}`, join(here, "tests", file),
  ],
  { stdio: ["ignore", "inherit", "inherit"] },
);
process.exit(status ?? 1);
