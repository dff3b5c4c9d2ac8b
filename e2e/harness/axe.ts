// What every page that a user sees has to be: readable in light and dark, wide and narrow.
import axe from "axe-core";
import type { Frame, Page } from "puppeteer-core";
import { until } from "./wait.ts";

const WIDE = { width: 1100, height: 800 };
const NARROW = { width: 360, height: 740 };

export interface Look {
  scheme: "light" | "dark";
  size: "wide" | "narrow";
}

export const LOOKS: Look[] = (["light", "dark"] as const).flatMap((scheme) => (["wide", "narrow"] as const).map((size) => ({ scheme, size })));

/** Shows the tab in one look, and waits until it and its frames have come to rest in it. */
export async function look(tab: Page, { scheme, size }: Look): Promise<void> {
  await tab.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: scheme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  await tab.setViewport(size === "wide" ? WIDE : NARROW);
  for (const frame of tab.frames()) {
    await until("transitions to end", () =>
      frame.evaluate(
        (dark) =>
          new Promise<boolean>((resolve) => {
            const atRest = (): void => resolve(document.getAnimations().length === 0 && matchMedia("(prefers-color-scheme: dark)").matches === dark);
            requestAnimationFrame(() => requestAnimationFrame(atRest));
          }),
        scheme === "dark",
      ),
    );
    const element = await frame.frameElement();
    if (!element) continue;
    await until("the frame to have its size", async () => {
      const inside = await frame.evaluate(() => innerWidth);
      return element.evaluate((e, width) => (e as HTMLIFrameElement).clientWidth === width, inside);
    });
  }
}

/**
 * What is wrong with a page, or with one frame of it: a page that scrolls sideways in any look, findings of
 * axe that are serious or critical (in light and wide, dark and narrow: colours do not depend on the width),
 * dark mode that changes nothing.
 */
export async function faults(tab: Page, place: Page | Frame = tab): Promise<string[]> {
  const found: string[] = [];
  const grounds = new Set<string>();
  for (const each of LOOKS) {
    await look(tab, each);
    const at = `${each.scheme}, ${each.size}: `;
    const { overflow, ground } = await place.evaluate(() => ({
      overflow: document.documentElement.scrollWidth - innerWidth,
      ground: getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color,
    }));
    grounds.add(`${each.scheme} ${ground}`);
    if (overflow > 0) found.push(`${at}scrolls sideways by ${overflow} px`);
    if ((each.scheme === "light") !== (each.size === "wide")) continue;
    for (const finding of await findings(place)) found.push(at + finding);
  }
  if (new Set([...grounds].map((g) => g.slice(g.indexOf(" ")))).size < 2) found.push(`light and dark look alike: ${[...grounds].join(", ")}`);
  await look(tab, { scheme: "light", size: "wide" });
  return found;
}

async function findings(place: Page | Frame): Promise<string[]> {
  if (!(await place.evaluate("typeof axe === 'object'"))) await place.evaluate(axe.source);
  const result = (await place.evaluate(`axe.run(document, { iframes: false, resultTypes: ["violations"] })`)) as axe.AxeResults;
  return result.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary ?? ""}`).join(" | ")}`);
}
