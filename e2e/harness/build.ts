// Runs once before all tests: builds the real binary and the examples, and makes the certificate of the app
// servers that speak https. The binaries and the certificate land in build/e2e, which git ignores.
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { buildApps } from "./apps.ts";
import { BUILD, ROOT } from "./paths.ts";

export function globalSetup(): void {
  mkdirSync(BUILD, { recursive: true });
  const go = (args: string[], cwd: string): string =>
    execFileSync("go", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], timeout: 300_000 });
  go(["build", "-o", BUILD, "./cmd/usher", "./examples/javascript-spa", "./examples/angular-spa", "./examples/react-spa"], ROOT);
  // The Go distribution has a program that makes a self-signed certificate.
  const maker = join(go(["env", "GOROOT"], ROOT).trim(), "src/crypto/tls/generate_cert.go");
  go(["run", maker, "--host", "localhost,127.0.0.1", "--ecdsa-curve", "P256", "--duration", "24h"], BUILD);
  renameSync(join(BUILD, "cert.pem"), join(BUILD, "app-cert.pem"));
  renameSync(join(BUILD, "key.pem"), join(BUILD, "app-key.pem"));
  buildApps();
}
