// Starts the real binary as `usher demo`, on free ports and a temporary folder, and runs its commands.
import { spawn, execFile, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUILD } from "./paths.ts";
import { until } from "./wait.ts";

const BINARY = join(BUILD, "usher");

export interface Usher {
  /** https://localhost:port */
  readonly server: string;
  readonly port: number;
  /** The example: http://localhost:port */
  readonly app: string;
  readonly data: string;
  readonly username: string;
  readonly password: string;
  /** What the demo printed. */
  readonly printed: () => string;
  /** Runs a command on the demo's database and returns what it printed. */
  cli(args: string[], input?: string): Promise<string>;
  /** Adds a client for pages at these origins and waits until the server knows it. */
  client(id: string, origins: string[], ...flags: string[]): Promise<void>;
  stop(): Promise<void>;
}

/** A port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts the demo and waits until it says that it is ready. */
export async function startDemo(): Promise<Usher> {
  const data = mkdtempSync(join(tmpdir(), "usher-e2e-data-"));
  const [port, appPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  const child = spawn(BINARY, ["demo", "--data", data, "--port", String(port), "--app-port", String(appPort), "--metrics-port", String(metricsPort)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  child.stdout.on("data", (chunk) => (printed += String(chunk)));
  child.stderr.on("data", (chunk) => (printed += String(chunk)));
  const server = `https://localhost:${port}`;
  const usher: Usher = {
    server,
    port,
    app: `http://localhost:${appPort}`,
    data,
    username: "demo",
    password: "demo",
    printed: () => printed,
    cli: (args, input) => run(data, args, input),
    client: async (id, origins, ...flags) => {
      await run(data, ["client", "add", id, ...origins.flatMap((origin) => ["--origin", origin]), ...flags]);
      const address = `${server}/oauth/v2/oauth-assisted-token?prompt=none&client_id=${id}&for_origin=${encodeURIComponent(origins[0] ?? "")}`;
      await until(`the server to know the client ${id}`, async () => (await fetchFrom(usher, address)).status === 200);
    },
    stop: async () => {
      await stop(child);
      rmSync(data, { recursive: true, force: true });
    },
  };
  try {
    await until("the demo to be ready", async () => {
      if (child.exitCode !== null) throw new Error(`usher demo ended: ${printed}`);
      return (await fetchFrom(usher, `${server}/oauth/v2/oauth-anonymous/.well-known/openid-configuration`)).status === 200;
    });
  } catch (error) {
    await usher.stop();
    throw new Error(`${String(error)}\n${printed}`);
  }
  return usher;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(force);
}

function run(data: string, args: string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(BINARY, [...args, "--data", data], { timeout: 20_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`usher ${args.join(" ")}: ${error.message}\n${stdout}${stderr}`));
      else resolve(stdout);
    });
    child.stdin?.end(input);
  });
}

export interface Fetched {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** One request to the server, trusting its own authority alone, from outside any browser. */
export function fetchFrom(
  usher: Usher,
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Fetched> {
  const { method = "GET", headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const form = body === undefined ? {} : { "Content-Type": "application/x-www-form-urlencoded", "Content-Length": String(Buffer.byteLength(body)) };
    const sent = request(url, { method, headers: { ...form, ...headers }, ca: readFileSync(join(usher.data, "ca.crt")), timeout: 10_000, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    sent.on("error", reject);
    sent.on("timeout", () => sent.destroy(new Error("no answer")));
    sent.end(body);
  });
}

/** Asks, as the example's API does, what a token is worth. */
export async function introspect(usher: Usher, token: string): Promise<Record<string, unknown>> {
  const secret = readFileSync(join(usher.data, "example-api.secret"), "utf8").trim();
  const { status, body } = await fetchFrom(usher, `${usher.server}/oauth/v2/oauth-introspect`, {
    method: "POST",
    headers: { Authorization: `Basic ${Buffer.from(`example-api:${secret}`).toString("base64")}` },
    body: new URLSearchParams({ token }).toString(),
  });
  if (status !== 200) throw new Error(`introspection answered ${status}: ${body}`);
  return JSON.parse(body) as Record<string, unknown>;
}
