// What the Go side started and tells: where the server is, its clients, and a user who can be asked to act.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import https from "node:https";
import { Agent, setGlobalDispatcher } from "undici";

interface World {
  readonly control: string;
  readonly issuer: string;
  /** The origin of the pages that run in Chromium. */
  readonly app: string;
  readonly username: string;
  readonly password: string;
  readonly callback: string;
  readonly goodbye: string;
  /** By client. */
  readonly secrets: Readonly<Record<string, string>>;
  /** An initial access token (RFC 7591). */
  readonly registration: string;
  /** The certificate of the client that authenticates by it, and its key, as PEM. */
  readonly certificate: { cert: string; key: string };
  /** The key of the clients that have no secret. */
  readonly key: JsonWebKey & { kid: string };
}

export const world = JSON.parse(readFileSync(process.env["USHER_WORLD"] ?? "", "utf8")) as World;

const apart = { pipelining: 0, allowH2: false };

// Every request has a connection of its own, so it goes to another node than the one before.
setGlobalDispatcher(new Agent(apart));
https.globalAgent.options.keepAlive = false;

export function secret(client: string): string {
  const found = world.secrets[client];
  if (!found) throw new Error(`${client} has no secret`);
  return found;
}

/** The key of the clients with private_key_jwt, for signing. */
export async function signingKey(): Promise<{ key: CryptoKey; kid: string }> {
  const { kid, ...jwk } = world.key;
  const key = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  return { key, kid };
}

/** A fetch that shows the certificate. */
export function mutualTLS(): (address: string, options: object) => Promise<Response> {
  const dispatcher = new Agent({ ...apart, connect: world.certificate });
  return (address, options) => fetch(address, { ...options, dispatcher } as RequestInit);
}

/** What every test calls between two steps: where there are two nodes, one is killed. */
export async function between(): Promise<void> {
  await ask("/between", {});
}

/** Waits until every node serves: what is asked now goes to each of them in turn. */
export async function allNodes(): Promise<void> {
  await ask("/all-nodes", {});
}

/** A user with a browser of their own, who signs in and agrees wherever a page asks. */
export class User {
  readonly #name = randomUUID();

  /** Opens an address of the server, and returns where the browser is sent in the end. */
  async visit(address: URL | string): Promise<URL> {
    const { location, title } = await this.#open(address);
    if (!location) throw new Error(`the visit ended on the page "${title}"`);
    return new URL(location);
  }

  /** Opens an address of the server, and returns the heading of the page that the visit ends on. */
  async read(address: URL | string): Promise<string> {
    const { location, title } = await this.#open(address);
    if (!title) throw new Error(`the visit ended at ${location}`);
    return title;
  }

  #open(address: URL | string): Promise<{ location?: string; title?: string }> {
    return ask("/visit", { visitor: this.#name, address: String(address) });
  }
}

async function ask<T>(path: string, form: Record<string, string>): Promise<T> {
  const response = await fetch(world.control + path, { method: "POST", body: new URLSearchParams(form) });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return (await response.json()) as T;
}
