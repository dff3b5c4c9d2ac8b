// What an operator does in the admin pages: follows links, fills in fields, presses buttons.
import type { Page } from "puppeteer-core";
import type { Server } from "./server.ts";
import { signIn } from "./user.ts";
import { until } from "./wait.ts";

export const OPERATOR = { username: "olga", password: "three quiet lighthouses" };

/** Presses the button or follows the link of the page's own content with this text, and waits for the next page. */
export async function press(tab: Page, text: string): Promise<void> {
  const handle = await until(`a button or link "${text}"`, async () => {
    for (const each of await tab.$$("main button, main a")) {
      if ((await each.evaluate((e) => (e as HTMLElement).innerText.split("\n")[0]?.trim())) === text && (await each.isVisible())) return each;
    }
    return undefined;
  });
  await Promise.all([tab.waitForNavigation({ waitUntil: "load" }), handle.click()]);
}

/** Types into a field, in the place of what is there. It does without script of the page's own. */
export async function fill(tab: Page, field: string, text: string): Promise<void> {
  const input = await tab.waitForSelector(`#f-${field}`);
  await input!.evaluate((e) => ((e as HTMLInputElement).value = ""));
  await input!.focus();
  await tab.keyboard.type(text);
}

/** Ticks, or takes the tick from, the box or radio button with this value. */
export async function tick(tab: Page, name: string, value: string, on = true): Promise<void> {
  const box = await tab.waitForSelector(`input[name="${name}"][value="${value}"]`);
  if ((await box!.evaluate((e) => e.checked)) !== on) await box!.click();
}

/** The text of the page's heading. */
export const heading = (tab: Page): Promise<string> => tab.$eval("main h1", (e) => e.textContent.trim());

/** Becomes the first operator by a one-time link, in a tab that nobody is signed in to, and lands on the overview. */
export async function becomeOperator(usher: Server, tab: Page): Promise<void> {
  const link = /https:\S+/.exec(await usher.cli(["operator", "link"]))?.[0];
  if (!link) throw new Error("usher operator link printed no link");
  await tab.goto(link);
  await fill(tab, "username", OPERATOR.username);
  await fill(tab, "password", OPERATOR.password);
  await press(tab, "Make the account");
  await signInOperator(usher, tab);
}

/** Signs in where usher asks for it, and waits for the admin pages. */
export async function signInOperator(usher: Server, tab: Page): Promise<void> {
  await until("the sign-in of the server", () => tab.url().startsWith(usher.server) && tab.$("input#password"));
  await signIn(tab, OPERATOR.username, OPERATOR.password);
  await until("the admin pages", () => tab.url().startsWith(`${usher.admin}/admin`) && tab.$("main h1"));
}
