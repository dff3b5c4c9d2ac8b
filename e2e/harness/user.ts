// What a user does: finds the sign-in, types, presses keys; and what an app's page is asked.
import { setTimeout as pause } from "node:timers/promises";
import type { Frame, KeyInput, Page } from "puppeteer-core";
import { until } from "./wait.ts";

/** The frame of the server that the user can see; waits for it. */
export async function visibleFrame(page: Page, server: string, selector = "input#username"): Promise<Frame> {
  return until(`a visible frame of ${server} with ${selector}`, async () => {
    for (const frame of page.frames()) {
      if (frame === page.mainFrame() || !frame.url().startsWith(server)) continue;
      const found = await frame.$(selector);
      if (found && (await found.isVisible()) && (await frame.evaluate("document.readyState")) === "complete") return frame;
    }
    return undefined;
  });
}

/**
 * Does what opens a window, and gives that window. Browsers drop clicks on what has just appeared, so it is done
 * again where nothing opens.
 */
export async function popupOf(tab: Page, open: () => Promise<unknown>): Promise<Page> {
  let popup: Page | null = null;
  const note = (opened: Page | null): void => void (popup ??= opened);
  tab.on("popup", note);
  try {
    return await until("a window to open", async () => {
      await open();
      return until("the window", () => popup, 2_000).catch(() => undefined);
    });
  } finally {
    tab.off("popup", note);
  }
}

/** Clicks what the selector finds, once it is there and can be clicked. */
export async function clickWhenReady(place: Frame | Page, selector: string): Promise<void> {
  await until(`${selector} to be clicked`, async () => {
    const found = await place.$(selector);
    await found?.click();
    return found;
  });
}

/** Whether the page shows a frame of the server. */
export async function showsFrame(page: Page): Promise<boolean> {
  return page.evaluate(() => [...document.querySelectorAll("iframe")].some((frame) => frame.checkVisibility() && frame.getBoundingClientRect().width > 0));
}

/** Fills in the form and sends it with the Enter key. */
export async function signIn(place: Frame | Page, username: string, password: string): Promise<void> {
  await until("the form to hold what was typed", async () => {
    await fill(place, "input#username", username);
    await fill(place, "input#password", password);
    // The page moves the focus when it is loaded; what was typed then may have landed in the other field.
    return (await valueOf(place, "input#username")) === username && (await valueOf(place, "input#password")) === password;
  });
  await pressAndGo(await place.waitForSelector("input#password"), "Enter");
}

/**
 * Presses a key that may take its own frame away: whether the browser then ever acknowledges the key's release is
 * chance, so no more than a second is given to it.
 */
export async function pressAndGo(place: { press(key: KeyInput): Promise<void> } | null, key: KeyInput): Promise<void> {
  const pressed = place?.press(key).catch(() => undefined);
  await Promise.race([pressed, pause(1_000)]);
}

const valueOf = (place: Frame | Page, selector: string): Promise<string> => place.$eval(selector, (e) => (e as HTMLInputElement).value);

async function fill(place: Frame | Page, selector: string, text: string): Promise<void> {
  const field = await place.waitForSelector(selector, { visible: true });
  if (!field || (await valueOf(place, selector)) === text) return;
  await field.evaluate((e) => ((e as HTMLInputElement).value = ""));
  await field.focus();
  await field.type(text);
}

/** Reads the outcome that the example shows under one of its buttons, as member name to text. */
export interface Shown {
  outcome: string;
  sent: string[];
  members: Record<string, string>;
}

/** Presses a button of the example and returns what it shows in the end; the user acts in between. */
export async function press(page: Page, button: string, act?: () => Promise<void>): Promise<Shown> {
  const number = await page.$eval(`#${button}`, (b) => (b.closest("section")?.querySelector("[id^=result_]")?.id ?? "").slice(7));
  await page.waitForSelector(`#${button}:not(:disabled):not([aria-busy])`);
  // The result of an earlier press is emptied first, so what is read below is this one's.
  await page.locator(`#${button}`).click();
  await act?.();
  await page.waitForSelector(`#result_${number}[data-outcome]`);
  return page.$eval(`#result_${number}`, (result) => ({
    outcome: (result as HTMLElement).dataset["outcome"] ?? "",
    sent: [...result.querySelectorAll("li")].map((li) => li.textContent),
    members: Object.fromEntries(
      [...result.querySelectorAll("dt")].map((dt) => {
        const dd = dt.nextElementSibling;
        return [dt.textContent, (dd?.querySelector(".token") ?? dd)?.textContent ?? ""];
      }),
    ),
  }));
}

/** What a promise of the library came to. */
export interface Settled {
  outcome: "resolved" | "rejected";
  value: Record<string, unknown>;
}

/**
 * Starts something in the page that gives a promise, without waiting for it; `settled` reads what it came
 * to. The expression may use `assistant`, the page's own.
 */
export async function start(place: Page | Frame, expression: string): Promise<void> {
  await place.evaluate(starting(expression));
}

/** The script of it. */
export const starting = (expression: string): string =>
  `window.__settled = undefined; (${expression}).then(
    (value) => { window.__settled = { outcome: "resolved", value: value ?? {} }; },
    (value) => { window.__settled = { outcome: "rejected", value: value instanceof Error ? { error: "thrown", message: value.message } : value }; },
  ); undefined`;

export async function settled(place: Page | Frame): Promise<Settled> {
  return until("the promise to settle", () => place.evaluate(() => (window as unknown as { __settled?: Settled }).__settled), 15_000);
}

/** Both at once, where the user has nothing to do in between. */
export async function call(place: Page | Frame, expression: string): Promise<Settled> {
  await start(place, expression);
  return settled(place);
}
