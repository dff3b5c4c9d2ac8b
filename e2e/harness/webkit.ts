// Starts WebKitGTK's MiniBrowser on a screen of its own and speaks W3C WebDriver with it.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { untilOpened, type Run, type Tab } from "./columns.ts";
import { freePort, startProcess, stop } from "./usher.ts";
import { until } from "./wait.ts";

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf"; // WebDriver, section "Elements": the key of a reference

export interface WebKit {
  /** One more tab, empty. */
  tab(): Promise<Tab>;
  close(): Promise<void>;
}

/** Sends a command of the session. */
type Ask = (method: string, path: string, body?: object) => Promise<unknown>;

function miniBrowser(): string {
  for (const folder of ["x86_64-linux-gnu", "aarch64-linux-gnu"].map((each) => `/usr/lib/${each}`)) {
    try {
      const found = readdirSync(folder).filter((each) => each.startsWith("webkit2gtk-")).map((each) => join(folder, each, "MiniBrowser"));
      if (found[0]) return found[0];
    } catch {
      // another architecture
    }
  }
  throw new Error("there is no MiniBrowser; run scripts/setup-test.sh");
}

/** A screen that shows nothing to anybody; Xvfb chooses its number. */
async function screen(): Promise<{ display: string; stop(): Promise<void> }> {
  const child = startProcess("Xvfb", ["-displayfd", "3", "-screen", "0", "1024x800x24", "-nolisten", "tcp"], ["ignore", "ignore", "ignore", "pipe"]);
  let number = "";
  (child.stdio[3] as Readable).on("data", (chunk) => (number += String(chunk)));
  const display = await until("Xvfb to say its number", () => /^(\d+)\n/.exec(number)?.[1]);
  return { display: `:${display}`, stop: () => stop(child) };
}

/** WebKit as shipped, or with Intelligent Tracking Prevention. */
export async function webkit(itp: boolean): Promise<WebKit> {
  const home = mkdtempSync(join(tmpdir(), "usher-e2e-webkit-"));
  const xvfb = await screen();
  const port = await freePort();
  const env = { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, DISPLAY: xvfb.display, GDK_BACKEND: "x11", WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1", no_proxy: "*" };
  const driver = startProcess("WebKitWebDriver", [`--port=${port}`], "ignore", env);
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...(body && { body: JSON.stringify(body) }), signal: AbortSignal.timeout(20_000) });
    const { value } = (await response.json()) as { value: unknown };
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(value)}`);
    return value;
  };
  await until("the driver to answer", () => ask("GET", "/status"));
  const options = { binary: miniBrowser(), args: ["--automation", ...(itp ? ["--enable-itp"] : [])] };
  const capabilities = { alwaysMatch: { acceptInsecureCerts: true, "webkitgtk:browserOptions": options } };
  const session = (await ask("POST", "/session", { capabilities })) as { sessionId: string };
  const at = `/session/${session.sessionId}`;
  const driverTab = tabs((method, path, body) => ask(method, at + path, body));
  return {
    tab: driverTab,
    close: async () => {
      await ask("DELETE", at).catch(() => undefined);
      await stop(driver);
      await xvfb.stop();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Makes new tabs. A command goes to the window and the frame that were switched to last, so each switches first, one after the other. */
function tabs(ask: Ask): () => Promise<Tab> {
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const mine = turn.then(act);
    turn = mine.catch(() => undefined);
    return mine;
  };
  const element = async (selector: string): Promise<string> => {
    const found = (await ask("POST", "/element", { using: "css selector", value: selector })) as Record<string, string>;
    return found[ELEMENT] ?? "";
  };
  const handles = (): Promise<string[]> => inTurn(() => ask("GET", "/window/handles")) as Promise<string[]>;
  const tabOf = (handle: string): Tab => {
    const inPage = <T>(act: () => Promise<T>): Promise<T> =>
      inTurn(async () => {
        await ask("POST", "/window", { handle });
        return act();
      });
    const inDialog = <T>(act: () => Promise<T>): Promise<T> =>
      inPage(async () => {
        await ask("POST", "/frame", { id: { [ELEMENT]: await element("dialog[open] iframe") } });
        return act();
      });
    const run = (within: typeof inPage): Run => (body) =>
      within(() => ask("POST", "/execute/sync", { script: `return (async () => {${body}\n})()`, args: [] }));
    const click = (within: typeof inPage, selector: string): Promise<unknown> =>
      until(`${selector} to be clicked`, () =>
        within(async () => {
          const found = await element(selector);
          // What is clicked may take its own frame or window away, and the click's end with it.
          await ask("POST", `/element/${found}/click`, {}).catch((error: unknown) => {
            if (!/no such (window|frame)/.test(String(error))) throw error;
          });
          return true;
        }),
      );
    return {
      goto: (url) => inPage(async () => void (await ask("POST", "/url", { url }))),
      reload: () => inPage(async () => void (await ask("POST", "/refresh", {}))),
      url: () => inPage(() => ask("GET", "/url")) as Promise<string>,
      run: run(inPage),
      inFrame: run(inDialog),
      click: async (selector) => void (await click(inPage, selector)),
      clickInFrame: async (selector) => void (await click(inDialog, selector)),
      windowOpenedBy: async (act) => {
        const before = await handles();
        return tabOf(await untilOpened(act, async () => (await handles()).find((each) => !before.includes(each))));
      },
      isClosed: async () => !(await handles()).includes(handle),
      screenshot: (path) => inPage(async () => writeFileSync(path, String(await ask("GET", "/screenshot")), "base64")),
      close: () => inPage(async () => void (await ask("DELETE", "/window"))),
    };
  };
  return async () => {
    const [first] = await handles(); // the window that the session began with; it stays, for with the last one the session ends
    return inTurn(async () => {
      await ask("POST", "/window", { handle: first });
      // A window for each, for of several tabs only one is visible, and no other may open windows.
      const { handle } = (await ask("POST", "/window/new", { type: "window" })) as { handle: string };
      return tabOf(handle);
    });
  };
}
