// The whole page's way through the server: back to the very place, once, only as the page loads, never round in circles.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Page } from "puppeteer-core";
import type { Site } from "../harness/site.ts";
import { starting } from "../harness/user.ts";
import { until } from "../harness/wait.ts";
import { appPage, visit, world, type World } from "../harness/world.ts";

let w: World;
let app: Site;
before(async () => {
  w = await world({ policy: "blocked" });
  app = await w.site({});
  await w.usher.client("visitor", [app.byAddress]);
  const page = appPage(w.usher, { clientId: "visitor" });
  const ask = `<script>${starting("assistant.fetchTokens()")}</script>`;
  app.pages["/"] = page.replace("</body>", `<div style="width:3000px;height:5000px"></div>${ask}</body>`);
  app.pages["/blank"] = "<!doctype html><title>Blank</title>";
  // Apps that do something odd at each start.
  app.pages["/reloads"] = page.replace("</body>", `${ask}<script>addEventListener("load", () => setTimeout(() => location.reload(), 200))</script></body>`);
  app.pages["/goes"] = page.replace("</body>", `${ask}<script>addEventListener("load", () => setTimeout(() => { location.href = "/goes?" + Math.random(); }, 200))</script></body>`);
  app.pages["/late"] = page.replace("</body>", `<button id="go">Go</button><script>
    document.querySelector("#go").onclick = () => { ${starting("assistant.fetchTokens()")} };</script></body>`);
  app.pages["/frame"] = `<!doctype html><title>Frame</title><iframe src="/"></iframe>`;
});
after(() => w.close());

/** A tab on the app's origin whose library has noted that only the server knows the session, and where it goes from then on. */
async function noted(where = "server"): Promise<{ tab: Page; visits: () => number }> {
  const tab = await visit(w, `${app.byAddress}/blank`);
  await tab.evaluate((server, word) => localStorage.setItem(`usher ${server} visitor`, word), w.usher.server, where);
  let visits = 0;
  tab.on("request", (request) => {
    if (request.isNavigationRequest() && request.frame() === tab.mainFrame() && request.url().includes("/authn/anonymous/preflight")) visits++;
  });
  return { tab, visits: () => visits };
}

const settled = (tab: Page): Promise<unknown> =>
  until("the page to be at rest", () => tab.evaluate("location.href.startsWith('http://127.0.0.1') && document.readyState === 'complete' && window.__settled !== undefined"));

describe("a visit of the whole page", () => {
  it("comes back to the very place: path, query, fragment, scroll, state", async () => {
    const { tab, visits } = await noted("frame");
    await tab.goto(`${app.byAddress}/?a=b%20c#x=y&z`, { waitUntil: "load" });
    await settled(tab); // the marker says that a frame knows the session; that was in vain, so it went
    assert.equal(visits(), 1);
    await tab.evaluate((server) => {
      localStorage.setItem(`usher ${server} visitor`, "server");
      // One that has just learned that.
      (window as unknown as { curity: { token: { assistant(settings: object): unknown } } }).curity.token.assistant({ clientId: "visitor" });
      history.replaceState({ mine: 1 }, "");
      scrollTo(300, 1200);
    }, w.usher.server);
    await tab.reload();
    await until("the page to be back", () => visits() === 2);
    await settled(tab);
    assert.equal(tab.url(), `${app.byAddress}/?a=b%20c#x=y&z`);
    await until("the scroll position", () => tab.evaluate("Math.round(scrollY) === 1200 && Math.round(scrollX) === 300"));
    assert.equal(await tab.evaluate((server) => localStorage.getItem(`usher ${server} visitor`), w.usher.server), null, "nobody was there, so it does not go again");
    assert.deepEqual(await tab.evaluate("history.state"), { mine: 1 });
    assert.equal(await tab.evaluate("sessionStorage.getItem('usher.visit')"), null);
  });

  it("an app that reloads itself, or goes on to itself, at each start is not sent round", async () => {
    for (const [path, most] of [["/reloads", 3], ["/goes", 1]] as const) {
      const { tab, visits } = await noted();
      const marker = setInterval(() => void tab.evaluate((server) => localStorage.setItem(`usher ${server} visitor`, "server"), w.usher.server).catch(() => undefined), 20);
      const loads = (): number => app.requests.filter((each) => each === `GET ${path}`).length;
      const before = loads();
      await tab.goto(app.byAddress + path).catch(() => undefined);
      await until("the app to have started often", () => loads() - before > 12, 30_000);
      clearInterval(marker);
      assert.ok(visits() >= 1 && visits() <= most, `${path}: ${visits()} visits`);
    }
  });

  it("does not take away a page that somebody works with, one in a frame, or one with an answer in its address", async () => {
    const { tab, visits } = await noted("frame");
    await tab.goto(`${app.byAddress}/late`, { waitUntil: "load" });
    await tab.click("#go");
    await settled(tab);
    await tab.goto(`${app.byAddress}/frame`, { waitUntil: "load" });
    await until("the framed app to be at rest", () => tab.frames()[1]?.evaluate("window.__settled !== undefined"));
    for (const address of ["/#id_token=x", "/?code=x&state=y", "/#error=login_required"]) {
      await tab.goto(app.byAddress + address, { waitUntil: "load" });
      await settled(tab);
    }
    assert.equal(visits(), 0);
    await tab.goto(`${app.byAddress}/?now`, { waitUntil: "load" });
    await settled(tab);
    assert.equal(visits(), 1, "otherwise it goes");
  });

  it("does not happen where nobody was signed in before", async () => {
    const { tab, visits } = await noted("");
    await tab.evaluate((server) => localStorage.removeItem(`usher ${server} visitor`), w.usher.server);
    await tab.goto(`${app.byAddress}/`, { waitUntil: "load" });
    await settled(tab);
    assert.equal(visits(), 0);
  });
});
