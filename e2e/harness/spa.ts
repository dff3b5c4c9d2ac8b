// What is asked of the Angular and of the React example alike, in their built form.
import type { HTTPRequest, Page } from "puppeteer-core";
import { APPS, builtApp, type App } from "./apps.ts";
import { signIn, visibleFrame } from "./user.ts";
import { startAPI } from "./usher.ts";
import { until } from "./wait.ts";
import { world, type World } from "./world.ts";

export interface Spa {
  readonly w: World;
  /** The API's address. */
  readonly api: string;
  /** A tab that has opened the app and come to rest; in a browser that knows nobody, unless one of its tabs is given. */
  open(tab?: Page): Promise<Tab>;
  close(): Promise<void>;
}

/** A tab with the app, and what it has asked for. */
export interface Tab {
  readonly page: Page;
  /** Visits of the whole page to the authorization endpoint. */
  readonly visits: URL[];
  /** Hidden requests for a token. */
  readonly silent: URL[];
  /** The Authorization headers that were sent, by the address that they were sent to. */
  readonly bearers: { to: string; header: string }[];
}

/** Serves the built app where the browser looks for it, with its API and the demo. */
export async function startSpa(app: App): Promise<Spa> {
  const host = new URL(APPS[app]).host;
  const w = await world({ sites: { [host]: {} } });
  const api = await startAPI(w.usher, app, APPS[app]).catch(async (error: unknown) => {
    await w.close();
    throw error;
  });
  Object.assign(w.at(host).pages, builtApp(app, w.usher, api.address));
  return {
    w,
    api: api.address,
    open: async (page) => {
      const tab = follow(page ?? (await w.session.fresh()), w.usher.server);
      await tab.page.goto(APPS[app]);
      await rest(tab.page);
      return tab;
    },
    close: async () => {
      await api.stop();
      await w.close();
    },
  };
}

function follow(page: Page, server: string): Tab {
  const tab: Tab = { page, visits: [], silent: [], bearers: [] };
  page.on("request", (request: HTTPRequest) => {
    const url = new URL(request.url());
    const header = request.headers()["authorization"];
    if (header) tab.bearers.push({ to: request.url(), header });
    if (url.origin !== server) return;
    if (url.pathname === "/oauth/v2/oauth-authorize" && request.frame() === page.mainFrame()) tab.visits.push(url);
    if (url.pathname === "/oauth/v2/oauth-assisted-token" && url.searchParams.get("prompt") === "none") tab.silent.push(url);
  });
  return tab;
}

export type State = "signed-in" | "signed-out" | "unreachable";

/** Waits until the app knows whether somebody is signed in. */
export function rest(page: Page): Promise<State> {
  return until("the app to come to rest", () =>
    page.evaluate(() => {
      const state = document.querySelector<HTMLElement>("#status")?.dataset["state"];
      return state === "starting" ? undefined : (state as State | undefined);
    }),
  );
}

/** Waits for a state. */
export async function becomes(page: Page, state: State): Promise<void> {
  await until(`the app to be ${state}`, async () => (await rest(page)) === state);
}

export const subject = (page: Page): Promise<string> => page.$eval("#subject", (e) => e.textContent.trim());

/** What the app has noted. */
export const log = (page: Page): Promise<string[]> => page.$$eval("#log li", (lines) => lines.map((line) => line.textContent));

/** When the token at hand ends. */
export const expires = async (page: Page): Promise<number> => Date.parse(await page.$eval("#status time", (e) => e.dateTime));

/** Presses a button and waits until its work is done. */
export async function push(page: Page, button: string, act?: () => Promise<void>): Promise<void> {
  const noted = (await log(page)).length;
  await page.locator(`#${button}`).click();
  await act?.();
  // The button shows that it is busy a moment after the click; whatever it does, the app notes something.
  await until(`${button} to be noted`, async () => (await log(page)).length > noted);
  await until(`${button} to be done`, () => page.$eval(`#${button}`, (e) => !e.hasAttribute("aria-busy")));
}

/** Logs the demo's user in by the app's button. */
export async function logIn({ w }: Spa, page: Page): Promise<void> {
  await page.locator("#login").click();
  await typePassword(w, page);
  await becomes(page, "signed-in");
}

/** Signs in where the app shows the dialog. */
export async function typePassword(w: World, page: Page): Promise<void> {
  await signIn(await visibleFrame(page, w.usher.server), w.usher.username, w.usher.password);
}

export interface Answer {
  status: number;
  members: Record<string, string>;
}

/** Calls the API by a button and reads what the app shows: an answer for each request. The user acts in between. */
export async function callAPI(page: Page, button: "call" | "callThrice" | "pay" = "call", act?: () => Promise<void>): Promise<Answer[]> {
  await push(page, button, act);
  return page.$eval(button === "pay" ? "#payments" : "#answers", (answers) =>
    [...answers.querySelectorAll<HTMLElement>(".outcome")].map((outcome) => ({
      status: Number(outcome.dataset["status"]),
      members: Object.fromEntries(
        [...(outcome.nextElementSibling?.querySelectorAll("dt") ?? [])].map((dt) => [dt.textContent, dt.nextElementSibling?.textContent ?? ""]),
      ),
    })),
  );
}
