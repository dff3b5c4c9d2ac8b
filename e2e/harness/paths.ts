import { join } from "node:path";

/** The root of the repository. */
export const ROOT = join(import.meta.dirname, "../..");
/** What is built for the tests. */
export const BUILD = join(ROOT, "build/e2e");
export const FIXTURES = join(import.meta.dirname, "../fixtures");
export const MODULES = join(import.meta.dirname, "../node_modules");
