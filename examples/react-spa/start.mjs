// Starts the API and the development server together. When one ends, so does the other; Ctrl-C ends both.
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";

const cwd = import.meta.dirname;
const api = join(cwd, "node_modules/.cache", process.platform === "win32" ? "api.exe" : "api");

const built = spawnSync("go", ["build", "-o", api, "."], { cwd, stdio: "inherit" });
if (built.error) console.error(`The API is a Go program; is Go installed? https://go.dev/dl (${built.error.message})`);
if (built.status !== 0) process.exit(1);

const vite = join(cwd, "node_modules/vite/bin/vite.js");
const running = [
  spawn(api, { cwd, stdio: "inherit" }),
  spawn(process.execPath, [vite], { cwd, stdio: "inherit" }),
];
const end = () => running.forEach((child) => child.kill());
for (const child of running) {
  child.once("exit", (code) => {
    process.exitCode ||= code ?? 0;
    end();
  });
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, end);
// npm's shell does not pass a signal on; when npm is gone, so is the parent.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && end(), 1000).unref();
