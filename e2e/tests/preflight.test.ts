// The preflight script: it goes once through the server where that helps, never round in circles, and comes
// back only to an origin that a client lists literally.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Page } from "puppeteer-core";
import type { Policy } from "../harness/browser.ts";
import { page, type Site } from "../harness/site.ts";
import { fetchFrom } from "../harness/usher.ts";
import { until } from "../harness/wait.ts";
import { world, type World } from "../harness/world.ts";

const SCRIPT = "/authn/anonymous/resources/js/preflight.min.js";

function withCookies(policy: Policy, tests: (w: () => World, app: () => Site) => void): void {
  describe(`third-party cookies ${policy}`, () => {
    let w: World;
    let app: Site;
    before(async () => {
      w = await world({ policy });
      app = await w.site({});
      await w.usher.client("flown", [app.origin]);
      const plain = page("An app", "<h1>An app</h1>", w.usher.server + SCRIPT);
      app.pages["/plain"] = plain;
      app.pages["/auto"] = plain.replace("<script ", '<script data-autoload="true" ');
    });
    after(() => w.close());
    tests(() => w, () => app);
  });
}

/** Opens a page of the app and notes where the whole page goes from then on. */
async function fly(w: World, url: string): Promise<{ tab: Page; visits: string[] }> {
  const tab = await w.session.fresh();
  const visits: string[] = [];
  tab.on("request", (request) => {
    if (request.isNavigationRequest() && request.frame() === tab.mainFrame()) visits.push(request.url());
  });
  await tab.goto(url);
  return { tab, visits };
}

const through = (visits: string[]): string[] => visits.filter((url) => url.includes("/authn/anonymous/preflight"));
/** Asks the script, once the page is at rest; the question itself causes no visit where one was made already. */
const ask = (tab: Page): Promise<unknown> => tab.evaluate("usherPreflight()");

withCookies("allowed", (w, app) => {
  it("with data-autoload nothing moves, since the cookies survive", async () => {
    const { tab, visits } = await fly(w(), `${app().origin}/auto`);
    assert.equal(await ask(tab), true);
    assert.deepEqual(visits, [`${app().origin}/auto`]);
  });
  it("without data-autoload nothing happens until the app calls it", async () => {
    const { tab, visits } = await fly(w(), `${app().origin}/plain`);
    assert.equal(await tab.$("iframe"), null);
    assert.equal(await ask(tab), true);
    assert.deepEqual(visits, [`${app().origin}/plain`]);
  });
});

withCookies("blocked", (w, app) => {
  it("with data-autoload the page goes once through the server and comes back as it was", async () => {
    const address = `${app().origin}/auto?with=query#and-fragment`;
    const { tab, visits } = await fly(w(), address);
    await until("the page to be back", async () => visits.length === 3 && (await tab.evaluate("document.readyState")) === "complete");
    assert.equal(tab.url(), address);
    assert.equal(through(visits).length, 1);
    assert.equal(await ask(tab), false, "the cookies still do not survive");
    assert.equal(through(visits).length, 1, "and that is no reason to go again");
    await tab.reload();
    assert.equal(await ask(tab), false);
    assert.equal(through(visits).length, 1, "nor is a reload");
  });

  it("without data-autoload nothing happens until the app calls it; then it goes once", async () => {
    const { tab, visits } = await fly(w(), `${app().origin}/plain`);
    assert.equal(await tab.$("iframe"), null);
    assert.equal(visits.length, 1);
    await tab.evaluate("void usherPreflight()");
    await until("the page to be back", async () => visits.length === 3 && (await tab.evaluate("document.readyState")) === "complete");
    assert.equal(tab.url(), `${app().origin}/plain`);
    assert.equal(await ask(tab), false);
    assert.equal(through(visits).length, 1);
  });

  it("a page whose storage is refused never goes, since it could not know that it has been", async () => {
    app().pages["/refused"] = (app().pages["/auto"] as string).replace("<body>", `<body><script>Object.defineProperty(window, "sessionStorage", { get() { throw new DOMException("no"); } })</script>`);
    const { tab, visits } = await fly(w(), `${app().origin}/refused`);
    assert.equal(await ask(tab), false);
    assert.deepEqual(visits, [`${app().origin}/refused`]);
  });

  it("the way back leads only to an origin that a client lists literally", async () => {
    await w().usher.client("patterned", ["https://*.apps.example.com"]);
    const { port, origin } = app();
    const refused = [
      "https://elsewhere.example/", "https://one.apps.example.com/", "//elsewhere.example/", "javascript:alert(1)", "data:text/html,x", "",
      `http://localhost:${port}@elsewhere.example/`, `http://localhost:${port}\\@elsewhere.example/`, `http://localhost:${port}.elsewhere.example/`,
      `https://localhost:${port}/`, `http://127.0.0.1:${port}/`, `http://user:pass@localhost:${port}/`, `/relative`, ` ${origin}/`, `${origin}\r\nX: y`,
    ];
    for (const target of refused) {
      const { status, headers } = await fetchFrom(w().usher, `${w().usher.server}/authn/anonymous/preflight?return_to=${encodeURIComponent(target)}`);
      assert.equal(headers.location, undefined, target);
      assert.equal(status, 400, target);
    }
    const { status, headers } = await fetchFrom(w().usher, `${w().usher.server}/authn/anonymous/preflight?return_to=${encodeURIComponent(`${origin}/a?b=c#d`)}`);
    assert.equal(status, 303);
    assert.equal(headers.location, `${origin}/a?b=c#d`);
  });

  it("an origin that no client lists is told nothing about cookies", async () => {
    const { body, status } = await fetchFrom(w().usher, `${w().usher.server}/authn/anonymous/preflight/check?for_origin=https%3A%2F%2Felsewhere.example`);
    assert.equal(status, 400);
    assert.ok(!body.includes("postMessage"));
  });
});
