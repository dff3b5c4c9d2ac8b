// What most test files need: the demo, a browser with one cookie policy, and an app of our own beside
// the example.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "puppeteer-core";
import { chromium, type Options, type Session } from "./browser.ts";
import { FIXTURES } from "./paths.ts";
import { page, serve, type Answer, type Site } from "./site.ts";
import { settled, signIn, start, visibleFrame, type Settled } from "./user.ts";
import { startDemo, type Usher } from "./usher.ts";

export const LIBRARY = "/oauth/v2/oauth-assisted-token/resources/js/assisted-token.min.js";

export interface World {
  readonly usher: Usher;
  readonly session: Session;
  /** Starts a site that is stopped with the rest. */
  site(pages: Record<string, Answer>, options?: Parameters<typeof serve>[1]): Promise<Site>;
  /** The site that the browser finds at such a host and port (see WorldOptions.sites). */
  at(host: string): Site;
  /** Stops everything, and fails where a page went to another host or broke its own CSP. */
  close(): Promise<void>;
}

export interface WorldOptions extends Partial<Options> {
  /** The test is about what a CSP refuses. */
  expectViolations?: boolean;
  /** What to start in the demo's place. */
  start?: () => Promise<Usher>;
  /** Sites that the browser is to find at well-known places, such as localhost:8080. */
  sites?: Record<string, { tls?: boolean }>;
}

/** Starts the demo and a browser. */
export async function world(options: WorldOptions = {}): Promise<World> {
  const { expectViolations = false, sites: wanted = {}, start: startUsher = startDemo, ...browser } = options;
  const sites: Site[] = [];
  const named: Record<string, Site> = {};
  const map: Record<string, number> = { ...browser.map };
  for (const [host, siteOptions] of Object.entries(wanted)) {
    const site = await serve({}, siteOptions);
    sites.push(site);
    named[host] = site;
    map[host] = site.port;
  }
  const usher = await startUsher();
  let session: Session;
  try {
    session = await chromium({ policy: "allowed", ...browser, map });
  } catch (error) {
    await usher.stop();
    throw error;
  }
  return {
    usher,
    session,
    site: async (pages, siteOptions) => {
      const site = await serve(pages, siteOptions);
      sites.push(site);
      return site;
    },
    at: (host) => {
      const site = named[host];
      if (!site) throw new Error(`no site at ${host}`);
      return site;
    },
    close: async () => {
      await session.close();
      await Promise.all(sites.map((site) => site.close()));
      await usher.stop();
      if (session.foreign.length) throw new Error(`requests to other hosts: ${session.foreign.join(", ")}`);
      if (!expectViolations && session.violations.length) throw new Error(`CSP violations: ${session.violations.join("; ")}`);
    },
  };
}

/** A page of an app that has loaded the library and made one assistant, `assistant`, with the settings. */
export function appPage(usher: Usher, settings: Record<string, unknown>): string {
  const make = `<script>window.assistant = curity.token.assistant(${JSON.stringify(settings)})</script>`;
  return page("An app", `<h1>An app</h1><button>Somewhere to be</button>`, usher.server + LIBRARY).replace("</body>", `${make}</body>`);
}

/** Opens the address in a tab without cookies, signed in nowhere. */
export async function visit(w: World, url: string): Promise<Page> {
  const tab = await w.session.fresh();
  await tab.goto(url, { waitUntil: "load" });
  return tab;
}

/** Starts the call, signs in as the demo's user in the frame that appears, and returns what it came to. */
export async function signInBy(w: World, tab: Page, expression = "assistant.loginIfRequired()"): Promise<Settled> {
  await start(tab, expression);
  await signIn(await visibleFrame(tab, w.usher.server), w.usher.username, w.usher.password);
  return settled(tab);
}

export function fixture(name: string, usher: Usher): string {
  return readFileSync(join(FIXTURES, name), "utf8").replaceAll("{{server}}", usher.server);
}
