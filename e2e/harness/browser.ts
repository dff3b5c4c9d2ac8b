// Starts Chromium with a fresh profile for one policy of third-party cookies, and watches every page it
// opens: where its requests go, and what its Content-Security-Policies had to refuse.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import puppeteer, { type Browser, type BrowserContext, type Page } from "puppeteer-core";

/** What the browser does with third-party cookies. */
export type Policy = "allowed" | "blocked";

export interface Options {
  policy: Policy;
  /** Host and port that the browser is to find at another port of this machine. */
  map?: Record<string, number>;
  /** Believe only the certificates that the user's trust store vouches for. */
  checkCertificates?: boolean;
  /** The home folder, with the trust store in it; a fresh one where absent. */
  home?: string;
}

export interface Session {
  readonly browser: Browser;
  /** Requests that went, or tried to go, anywhere but to this machine. */
  readonly foreign: string[];
  /** What was refused by a Content-Security-Policy, with the page that it happened on. */
  readonly violations: string[];
  /** Closes the tabs, forgets cookies and what else sites have stored, and gives a tab in a fresh context. */
  fresh(): Promise<Page>;
  /** One more tab in the context at hand. */
  tab(): Promise<Page>;
  close(): Promise<void>;
}

/** The program that the environment variable names, or the first of the usual names in PATH. */
export function executable(variable: string, ...names: string[]): string {
  const named = process.env[variable];
  if (named) return named;
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  for (const name of names) {
    const folder = folders.find((each) => existsSync(join(each, name)));
    if (folder) return join(folder, name);
  }
  throw new Error(`there is no ${names[0]}; run scripts/setup-test.sh, or name one in ${variable}`);
}

export async function chromium(options: Options): Promise<Session> {
  const folder = mkdtempSync(join(tmpdir(), "usher-e2e-browser-"));
  const home = options.home ?? join(folder, "home");
  const profile = join(folder, "profile");
  mkdirSync(join(profile, "Default"), { recursive: true });
  mkdirSync(home, { recursive: true });
  // Debian's Chromium blocks third-party cookies unless the profile says otherwise.
  const mode = options.policy === "blocked" ? 1 : 0;
  writeFileSync(join(profile, "Default/Preferences"), JSON.stringify({ profile: { cookie_controls_mode: mode } }));
  const rules = Object.entries(options.map ?? {}).map(([from, port]) => `MAP ${from} 127.0.0.1:${port}`);
  const browser = await puppeteer.launch({
    executablePath: executable("CHROMIUM", "chromium", "chromium-browser", "google-chrome"),
    userDataDir: profile,
    env: { ...process.env, HOME: home },
    timeout: 30_000,
    protocolTimeout: 30_000,
    ignoreDefaultArgs: ["--disable-popup-blocking"],
    args: [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // A click on a frame that has just appeared is dropped by default, to protect people from it.
      "--disable-features=DiscardInputEventsToRecentlyMovedFrames",
      // Nothing leaves this machine, whatever a page asks for.
      `--host-resolver-rules=${[...rules, "MAP localhost 127.0.0.1", "MAP 127.0.0.1 127.0.0.1", "MAP 127.0.0.2 127.0.0.2", "MAP * ~NOTFOUND"].join(", ")}`,
      ...(options.checkCertificates ? [] : ["--ignore-certificate-errors"]),
    ],
  });
  const foreign: string[] = [];
  const violations: string[] = [];
  let context: BrowserContext | undefined;
  const open = async (): Promise<Page> => {
    context ??= browser.defaultBrowserContext();
    const page = await context.newPage();
    await watch(page, foreign, violations);
    return page;
  };
  return {
    browser,
    foreign,
    violations,
    tab: open,
    fresh: async () => {
      // The profile's own context is the one that obeys the preference, so it is emptied and kept.
      const blank = await open();
      for (const page of await browser.pages()) if (page !== blank) await page.close();
      const cdp = await blank.createCDPSession();
      await cdp.send("Network.clearBrowserCookies");
      await cdp.send("Network.clearBrowserCache");
      await cdp.send("Storage.clearDataForOrigin", { origin: "*", storageTypes: "local_storage" });
      await cdp.detach();
      return blank;
    },
    close: async () => {
      await browser.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

const LOCAL = /^(https?:\/\/(localhost|127\.0\.0\.[12])(:\d+)?\/|data:|blob:|about:|chrome-error:)/;

async function watch(page: Page, foreign: string[], violations: string[]): Promise<void> {
  page.setDefaultTimeout(10_000);
  page.on("request", (request) => {
    if (!LOCAL.test(request.url())) foreign.push(request.url());
  });
  page.on("popup", (popup) => {
    if (popup) void watch(popup, foreign, violations).catch(() => undefined);
  });
  // The browser says it in the console of the frame; this listener hears it in every frame.
  await page.exposeFunction("__violated", (what: string) => violations.push(what));
  await page.evaluateOnNewDocument(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const tell = (globalThis as unknown as { __violated?: (what: string) => void }).__violated;
      tell?.(`${location.href.split("?")[0]}: ${event.effectiveDirective} refused ${event.blockedURI} ${event.sample}`);
    });
  });
}
