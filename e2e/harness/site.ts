// Small static servers: the apps, and the sites of those who are up to no good.
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTLSServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { BUILD, MODULES } from "./paths.ts";

export type Answer = string | ((request: IncomingMessage, response: ServerResponse) => void);

export interface Site {
  readonly port: number;
  /** As a browser serialises it: http(s)://localhost:port. */
  readonly origin: string;
  /** The same site by its address: another origin, and another site. */
  readonly byAddress: string;
  /** The same by a second address of the machine: a third origin, on a third site. */
  readonly bySecondAddress: string;
  /** What was asked of it, as "METHOD /path". */
  readonly requests: string[];
  /** Pages may be added or changed while it runs. */
  readonly pages: Record<string, Answer>;
  close(): Promise<void>;
}

const TYPES: Record<string, string> = { js: "text/javascript", css: "text/css", html: "text/html", json: "application/json", svg: "image/svg+xml" };

/** Serves the pages, by path without query, and jQuery 3 at /jquery.js. */
export async function serve(pages: Record<string, Answer>, options: { tls?: boolean; headers?: Record<string, string> } = {}): Promise<Site> {
  const requests: string[] = [];
  const listener: RequestListener = (request, response) => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    requests.push(`${request.method} ${path}`);
    for (const [name, value] of Object.entries(options.headers ?? {})) response.setHeader(name, value);
    const page = path === "/jquery.js" ? readFileSync(join(MODULES, "jquery/dist/jquery.js"), "utf8") : pages[path];
    if (typeof page === "function") return page(request, response);
    if (page === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("Content-Type", `${TYPES[path.split(".")[1] ?? "html"] ?? "text/html"}; charset=utf-8`);
    response.end(page);
  };
  const start = async (host: string, port: number): Promise<Server> => {
    const server = options.tls
      ? createTLSServer({ cert: readFileSync(join(BUILD, "app-cert.pem")), key: readFileSync(join(BUILD, "app-key.pem")) }, listener)
      : createServer(listener);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    return server;
  };
  const first = await start("127.0.0.1", 0);
  const { port } = first.address() as AddressInfo;
  const servers = [first, await start("127.0.0.2", port)];
  const scheme = options.tls ? "https" : "http";
  return {
    port,
    origin: `${scheme}://localhost:${port}`,
    byAddress: `${scheme}://127.0.0.1:${port}`,
    bySecondAddress: `${scheme}://127.0.0.2:${port}`,
    requests,
    pages,
    close: async () => {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      for (const server of servers) server.closeAllConnections();
      await Promise.all(closed);
    },
  };
}

/** An HTML page around a body; scripts are named by their addresses. */
export function page(title: string, body: string, ...scripts: string[]): string {
  const tags = scripts.map((src) => `<script src="${src}"></script>`).join("");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title><link rel="icon" href="data:,"></head><body>${body}${tags}</body></html>`;
}
