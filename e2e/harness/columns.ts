// One interface for six columns: what three engines do with the cookies of another site, each under two policies. A test
// that is written once runs in all of them.
import { chromium } from "./browser.ts";
import { firefox } from "./firefox.ts";
import { pageTab, withoutActivation } from "./puppeteer-tab.ts";
import { starting, type Settled } from "./user.ts";
import type { Usher } from "./usher.ts";
import { until } from "./wait.ts";
import { webkit } from "./webkit.ts";

/**
 * Chromium with third-party cookies allowed and blocked; Firefox as shipped (network.cookie.cookieBehavior 5) and refusing
 * them (1); WebKit as shipped and with Intelligent Tracking Prevention.
 */
export const COLUMNS = ["CrOpen", "CrBlk", "Ff5", "Ff1", "WkDef", "WkItp"] as const;
export type ColumnName = (typeof COLUMNS)[number];

export interface Column {
  readonly name: ColumnName;
  /** One more tab in the same profile; waits until the page is loaded. */
  open(url: string): Promise<Tab>;
  /** Ends the browser, and fails where a page in Chromium went to another host or broke its own CSP. */
  close(): Promise<void>;
}

/** Runs the body of an async function and gives what it returns, as JSON: undefined comes as null. It is no gesture of the user. */
export type Run = (body: string) => Promise<unknown>;

export interface Tab {
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  url(): Promise<string>;
  /** In the page itself. */
  readonly run: Run;
  /** In the frame of the page's open dialog; fails where there is none (yet). */
  readonly inFrame: Run;
  /** A click as the user's, with all that it entitles to; waits until the element is there. */
  click(selector: string): Promise<void>;
  clickInFrame(selector: string): Promise<void>;
  /**
   * Does what opens a window, and gives that window. Browsers drop clicks on what has just appeared, so it is done again
   * where nothing opens within two seconds.
   */
  windowOpenedBy(act: () => Promise<unknown>): Promise<Tab>;
  isClosed(): Promise<boolean>;
  screenshot(path: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts the browser with a fresh profile. */
export async function startColumn(name: ColumnName, { expectViolations = false }: { expectViolations?: boolean } = {}): Promise<Column> {
  switch (name) {
    case "CrOpen":
    case "CrBlk": {
      const session = await chromium({ policy: name === "CrOpen" ? "allowed" : "blocked" });
      await withoutActivation(session.browser);
      return {
        name,
        open: async (url) => opened(pageTab(await session.tab()), url),
        close: async () => {
          await session.close();
          if (session.foreign.length) throw new Error(`requests to other hosts: ${session.foreign.join(", ")}`);
          if (!expectViolations && session.violations.length) throw new Error(`CSP violations: ${session.violations.join("; ")}`);
        },
      };
    }
    case "Ff5":
    case "Ff1": {
      const { browser, close } = await firefox(name === "Ff5" ? 5 : 1);
      await withoutActivation(browser);
      return { name, open: async (url) => opened(pageTab(await browser.newPage()), url), close };
    }
    case "WkDef":
    case "WkItp": {
      const browser = await webkit(name === "WkItp");
      return { name, open: async (url) => opened(await browser.tab(), url), close: browser.close };
    }
  }
}

async function opened(tab: Tab, url: string): Promise<Tab> {
  await tab.goto(url);
  return tab;
}

/** Does the act, again and again, until it has opened a window. */
export async function untilOpened<T>(act: () => Promise<unknown>, window: () => T | undefined | Promise<T | undefined>): Promise<T> {
  return until("a window to open", async () => {
    await act();
    return until("the window", window, 2_000).catch(() => undefined);
  });
}

/** Starts something in the page that gives a promise, without waiting for it; `settled` reads what it came to. */
export async function start(tab: Tab, expression: string): Promise<void> {
  await tab.run(starting(expression));
}

export async function settled(tab: Tab): Promise<Settled> {
  return (await until("the promise to settle", () => tab.run("return window.__settled"), 15_000)) as Settled;
}

/** Both at once, where the user has nothing to do in between. */
export async function call(tab: Tab, expression: string): Promise<Settled> {
  await start(tab, expression);
  return settled(tab);
}

/** Fills in the server's sign-in as the demo's user, once it is there, and sends it: `signInIn(tab.inFrame, usher)`. */
export async function signInIn(run: Run, usher: Usher): Promise<void> {
  await until("the sign-in to be filled in", () =>
    run(`const form = document.querySelector("#username")?.form;
      if (document.readyState !== "complete" || !form) return false;
      form.username.value = ${JSON.stringify(usher.username)};
      form.password.value = ${JSON.stringify(usher.password)};
      setTimeout(() => form.requestSubmit()); // after this answer, for it may take the frame away
      return true;`),
  );
}
