// A client whose users must agree: the question is asked in a window of the server's own, never in a frame.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { Page } from "puppeteer-core";
import type { Policy } from "../harness/browser.ts";
import type { Site } from "../harness/site.ts";
import { call, clickWhenReady, popupOf, settled, signIn, start, visibleFrame } from "../harness/user.ts";
import { fetchFrom } from "../harness/usher.ts";
import { appPage, visit, world, type World } from "../harness/world.ts";

function withCookies(policy: Policy, tests: (w: () => World, app: () => Site, client: () => string) => void): void {
  describe(`third-party cookies ${policy}`, () => {
    let w: World;
    let app: Site;
    let number = 0;
    before(async () => {
      w = await world({ policy });
      app = await w.site({});
    });
    // Consent outlives sessions, so each test has a client of its own.
    before(() => next());
    afterEach(() => next());
    after(() => w.close());
    const next = async (): Promise<void> => {
      number++;
      await w.usher.client(`theirs-${number}`, [app.origin], "--scope", "openid profile", "--consent");
      app.pages["/"] = appPage(w.usher, { clientId: `theirs-${number}` });
    };
    tests(() => w, () => app, () => `theirs-${number}`);
  });
}

/** Presses the button of the framed page and gives the window that it opens. */
async function openWindow(w: World, tab: Page): Promise<Page> {
  const frame = await visibleFrame(tab, w.usher.server, "#continue");
  return popupOf(tab, () => frame.click("#continue"));
}

async function decide(w: World, popup: Page, decision: "allow" | "deny"): Promise<void> {
  await signIn(popup, w.usher.username, w.usher.password);
  await clickWhenReady(popup, `button[value=${decision}]`);
}

withCookies("allowed", (w, app, client) => {
  it("the frame offers a window; there the user signs in and agrees, and the frame answers the app", async () => {
    const tab = await visit(w(), app().origin);
    await start(tab, "assistant.loginIfRequired()");
    const popup = await openWindow(w(), tab);
    await decide(w(), popup, "allow");
    const { outcome, value } = await settled(tab);
    assert.equal(outcome, "resolved", JSON.stringify(value));
    assert.equal((await call(tab, "assistant.fetchTokens()")).outcome, "resolved", "the consent is remembered");
    assert.ok(client());
  });

  it("no agreement is access_denied, and a session without it is consent_required", async () => {
    const tab = await visit(w(), app().origin);
    await start(tab, "assistant.loginIfRequired()");
    const popup = await openWindow(w(), tab);
    await decide(w(), popup, "deny");
    await (await visibleFrame(tab, w().usher.server, "#cancel")).click("#cancel");
    assert.equal((await settled(tab)).value["error"], "access_denied");
    assert.equal((await call(tab, "assistant.fetchTokens()")).value["error"], "consent_required");
  });

  it("the interactive pages of such a client refuse every frame", async () => {
    const address = `${w().usher.server}/oauth/v2/oauth-assisted-token?client_id=${client()}&for_origin=${encodeURIComponent(app().origin)}`;
    const top = await fetchFrom(w().usher, address, { headers: { "Sec-Fetch-Dest": "document" } });
    assert.match(top.body, /id="username"/);
    assert.match(String(top.headers["content-security-policy"]), /frame-ancestors 'none'/);
    const framed = await fetchFrom(w().usher, address, { headers: { "Sec-Fetch-Dest": "iframe" } });
    assert.ok(!framed.body.includes('id="username"'));
    assert.match(framed.body, /id="continue"/);
  });
});

withCookies("blocked", (w, app) => {
  it("where no cookie reaches the frame, a ticket from the window does", async () => {
    const tab = await visit(w(), app().origin);
    await start(tab, "assistant.loginIfRequired()");
    const popup = await openWindow(w(), tab);
    await decide(w(), popup, "allow");
    const { outcome, value } = await settled(tab);
    assert.equal(outcome, "resolved", JSON.stringify(value));
    assert.equal((await call(tab, "assistant.fetchTokens()")).outcome, "resolved");
  });
});
