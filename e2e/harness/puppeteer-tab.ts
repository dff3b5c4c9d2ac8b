// A tab of Chromium or Firefox, as columns.ts has it.
import { setTimeout as pause } from "node:timers/promises";
import type { Browser, Frame, Page, Target } from "puppeteer-core";
import { untilOpened, type Run, type Tab } from "./columns.ts";
import { until } from "./wait.ts";

export function pageTab(page: Page): Tab {
  const dialog = async (): Promise<Frame> => {
    const frame = await (await page.$("dialog[open] iframe"))?.contentFrame();
    if (!frame) throw new Error("there is no dialog with a frame");
    return frame;
  };
  const click = (place: () => Promise<Frame>, selector: string): Promise<unknown> =>
    until(`${selector} to be clicked`, async () => {
      const frame = await place();
      const found = await frame.$(selector);
      // What is clicked may take its own frame away, and the click's end with it.
      const clicked = found?.click().catch((error: unknown) => {
        if (!frame.detached && !page.isClosed()) throw error;
      });
      await Promise.race([clicked, pause(1_000)]);
      return found;
    });
  return {
    goto: (url) => untilLeft(page.goto(url)),
    reload: () => untilLeft(page.reload()),
    url: async () => page.url(),
    run: runIn(async () => page.mainFrame()),
    inFrame: runIn(dialog),
    click: async (selector) => void (await click(async () => page.mainFrame(), selector)),
    clickInFrame: async (selector) => void (await click(dialog, selector)),
    windowOpenedBy: async (act) => {
      const browser = page.browser();
      const created: Target[] = [];
      const note = (target: Target): void => void (target.type() === "page" && created.push(target));
      browser.on("targetcreated", note);
      try {
        return pageTab(
          await untilOpened(act, async () => {
            // In Firefox the frames of a page are targets, too, but none of the browser's pages.
            const [known, firefox] = [await browser.pages(), await isFirefox(browser)];
            const pages = await Promise.all(created.map((target) => target.page().catch(() => null)));
            return pages.find((each) => each && (known.includes(each) || (each.isClosed() && !firefox))) ?? undefined;
          }),
        );
      } finally {
        browser.off("targetcreated", note);
      }
    },
    isClosed: async () => page.isClosed(),
    screenshot: async (path) => void (await page.screenshot({ path: path as `${string}.png` })),
    close: () => page.close(),
  };
}

/** A page that goes elsewhere while it loads is left, which Firefox calls an error. */
const untilLeft = (going: Promise<unknown>): Promise<void> =>
  going.then(
    () => undefined,
    (error: unknown) => {
      if (!/NS_BINDING_ABORTED|interrupted an unfinished navigation/.test(String(error))) throw error;
    },
  );

const runIn =
  (place: () => Promise<Frame>): Run =>
  async (body) =>
    (await (await place()).evaluate(`(async () => {${body}\n})()`)) ?? null;

const isFirefox = async (browser: Browser): Promise<boolean> => (await browser.version()).toLowerCase().startsWith("firefox");

/**
 * Puppeteer asks the browser to take each evaluation for a gesture of the user, and would so prove what no user
 * gets, such as a window without a click. There is no setting for it: the request is changed on its way.
 */
export async function withoutActivation(browser: Browser): Promise<void> {
  if (await isFirefox(browser)) {
    const { connection } = browser as unknown as { connection: { send(method: string, params: object, timeout?: number): unknown } };
    const send = connection.send.bind(connection);
    connection.send = (method, params, timeout) => send(method, "userActivation" in params ? { ...params, userActivation: false } : params, timeout);
    return;
  }
  const session = await browser.target().createCDPSession();
  const connection = session.connection() as unknown as { _rawSend(callbacks: unknown, method: string, params?: object, ...rest: unknown[]): unknown };
  const send = connection._rawSend.bind(connection);
  connection._rawSend = (callbacks, method, params, ...rest) =>
    send(callbacks, method, params && "userGesture" in params ? { ...params, userGesture: false } : params, ...rest);
  await session.detach();
}
