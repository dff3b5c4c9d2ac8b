// Starts the real binary as `usher serve` on an empty database: what an operator has after the installation.
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUILD } from "./paths.ts";
import { BINARY, fetchFrom, freePort, startProcess, stop, type Usher } from "./usher.ts";
import { until } from "./wait.ts";

/** A server without users and clients, and its admin pages. Its user is whom the test adds. */
export interface Server extends Usher {
  /** https://localhost:port */
  readonly admin: string;
}

export async function startServer(): Promise<Server> {
  const data = mkdtempSync(join(tmpdir(), "usher-e2e-serve-"));
  const [port, adminPort] = [await freePort(), await freePort()];
  const server = `https://localhost:${port}`;
  const admin = `https://localhost:${adminPort}`;
  const config = join(data, "usher.yaml");
  // The authority that fetchFrom and the examples trust: the certificate vouches for itself.
  copyFileSync(join(BUILD, "app-cert.pem"), join(data, "ca.crt"));
  const settings = {
    base_url: server,
    listen: `localhost:${port}`,
    admin_base_url: admin,
    admin_listen: `localhost:${adminPort}`,
    metrics_listen: "off",
    tls_cert_file: join(BUILD, "app-cert.pem"),
    tls_key_file: join(BUILD, "app-key.pem"),
    database: `sqlite:${join(data, "usher.db")}`,
    master_key_file: join(data, "master.key"),
    shutdown_delay: "0s", // no proxy needs time to notice
  };
  writeFileSync(config, Object.entries(settings).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`).join(""));
  await run(["keys", "new-master", settings.master_key_file]);
  const child = startProcess(BINARY, ["serve", "--config", config], ["ignore", "ignore", "pipe"]);
  let said = "";
  child.stderr?.on("data", (chunk) => (said += String(chunk)));
  const usher: Server = {
    server,
    admin,
    app: "http://localhost:8080",
    data,
    username: "ann",
    password: "seven green bicycles",
    cli: (args, { input } = {}) => run([...args, "--config", config], input),
    client: () => Promise.reject(new Error("the clients of this server are made in its pages")),
    stop: async () => {
      await stop(child);
      rmSync(data, { recursive: true, force: true });
    },
  };
  await until("the server to answer", async () => {
    if (child.exitCode !== null) throw new Error(`usher serve ended: ${said}`);
    return (await fetchFrom(usher, `${server}/`)).status === 200;
  }).catch(async (error: unknown) => {
    await usher.stop();
    throw error;
  });
  return usher;
}

function run(args: string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(BINARY, args, { timeout: 20_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`usher ${args.join(" ")}: ${error.message}\n${stdout}${stderr}`));
      else resolve(stdout);
    });
    child.stdin?.on("error", () => undefined); // a command that ends without reading its input
    child.stdin?.end(input);
  });
}
