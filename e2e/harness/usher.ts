// Starts the real binary as `usher demo`, on free ports and a temporary folder, and runs its commands.
import { execFile, spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUILD } from "./paths.ts";
import { until } from "./wait.ts";

export const BINARY = join(BUILD, "usher");

export interface Command {
  /** Standard input. */
  input?: string;
  /** The home folder. */
  home?: string;
}

export interface Usher {
  /** https://localhost:port */
  readonly server: string;
  /** The example: http://localhost:port */
  readonly app: string;
  readonly data: string;
  readonly username: string;
  readonly password: string;
  /** Runs a command on the demo's database and returns what it printed. */
  cli(args: string[], command?: Command): Promise<string>;
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

/** Starts the demo on free ports and waits until it says that it is ready. */
export async function startDemo(): Promise<Usher> {
  const data = mkdtempSync(join(tmpdir(), "usher-e2e-data-"));
  const child = startProcess(BINARY, ["demo", "--data", data, "--port", "0", "--app-port", "0", "--admin-port", "0"], ["ignore", "pipe", "pipe"]);
  let printed = "";
  child.stdout?.on("data", (chunk) => (printed += String(chunk)));
  child.stderr?.on("data", (chunk) => (printed += String(chunk)));
  const end = async (): Promise<void> => {
    await stop(child);
    rmSync(data, { recursive: true, force: true });
  };
  const told = await until("the demo to say where it is", () => {
    if (child.exitCode !== null) throw new Error(`usher demo ended: ${printed}`);
    const app = /Open +(\S+)/.exec(printed)?.[1];
    const user = /Sign in as +(\S+), password (\S+)/.exec(printed);
    const server = /Server +(\S+)/.exec(printed)?.[1];
    if (!printed.includes("Ctrl-C") || !app || !server || !user?.[1] || !user[2]) return undefined;
    return { app, server, username: user[1], password: user[2] };
  }).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  const usher: Usher = {
    ...told,
    data,
    cli: (args, options) => run(data, args, options),
    client: async (id, origins, ...flags) => {
      await run(data, ["client", "add", id, ...origins.flatMap((origin) => ["--origin", origin]), ...flags]);
      const origin = encodeURIComponent(origins[0]?.replace("*", "x") ?? "");
      const address = `${told.server}/oauth/v2/oauth-assisted-token?prompt=none&client_id=${id}&for_origin=${origin}`;
      await until(`the server to know the client ${id}`, async () => (await fetchFrom(usher, address)).status === 200);
    },
    stop: end,
  };
  return usher;
}

// A run that is cut short stops what it started, too.
const started = new Set<ChildProcess>();
process.on("exit", () => started.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1));

export function startProcess(binary: string, args: string[], stdio: StdioOptions, env = process.env): ChildProcess {
  const child = spawn(binary, args, { stdio, env });
  started.add(child);
  child.once("exit", () => started.delete(child));
  return child;
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(force);
}

function run(data: string, args: string[], { input = "", home }: Command = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = home ? { ...process.env, HOME: home } : process.env;
    const child = execFile(BINARY, [...args, "--data", data], { timeout: 20_000, env }, (error, stdout, stderr) => {
      if (error) reject(new Error(`usher ${args.join(" ")}: ${error.message}\n${stdout}${stderr}`));
      else resolve(stdout);
    });
    child.stdin?.on("error", () => undefined); // a command that ends without reading its input
    child.stdin?.end(input);
  });
}

/** Starts the example by itself, beside the demo's server; it is there once the promise is fulfilled. */
export async function startExample(usher: Usher, client: string, port: number): Promise<() => Promise<void>> {
  const flags = ["-server", usher.server, "-addr", `localhost:${port}`, "-client", client, "-data", usher.data];
  const child = startProcess(join(BUILD, "javascript-spa"), flags, ["ignore", "ignore", "inherit"]);
  await until("the example to answer", async () => (await fetch(`http://localhost:${port}/`)).ok);
  return () => stop(child);
}

/** Starts the API of an example beside the demo's server, for an app at this origin; gives its address. */
export async function startAPI(usher: Usher, example: string, origin: string): Promise<{ address: string; stop(): Promise<void> }> {
  const at = `127.0.0.1:${await freePort()}`;
  const flags = ["-server", usher.server, "-addr", at, "-origin", origin, "-data", usher.data];
  const child = startProcess(join(BUILD, example), flags, ["ignore", "ignore", "inherit"]);
  const address = `http://${at}/api`;
  await until("the API to answer", async () => (await fetch(address)).status === 401);
  return { address, stop: () => stop(child) };
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
