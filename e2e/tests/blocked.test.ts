// With third-party cookies blocked the modal sign-in still delivers a token, and every error is right.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Page } from "puppeteer-core";
import { introspect } from "../harness/usher.ts";
import { press, showsFrame, signIn, visibleFrame } from "../harness/user.ts";
import { visit, world, type World } from "../harness/world.ts";

let w: World;
before(async () => {
  w = await world({ policy: "blocked" });
});
after(() => w.close());

const open = (): Promise<Page> => visit(w, w.usher.app);
const type = async (tab: Page): Promise<void> => signIn(await visibleFrame(tab, w.usher.server), w.usher.username, w.usher.password);

/** Presses a button, and reads the whole token that it shows. */
async function tokenFrom(tab: Page, button: string, result: string, act?: () => Promise<void>): Promise<string> {
  assert.equal((await press(tab, button, act)).outcome, "resolved");
  await tab.click(`#${result} [aria-label="Show all of token"]`);
  return tab.$eval(`#${result} dd:has([aria-label="Show all of token"]) .token`, (e) => e.textContent ?? "");
}

describe("third-party cookies blocked", () => {
  it("the browser really drops them: a first-party session does not reach the frame", async () => {
    const tab = await open();
    const own = await w.session.tab();
    await own.goto(`${w.usher.server}/oauth/v2/oauth-assisted-token?client_id=client-assisted-example&for_origin=${encodeURIComponent(w.usher.app)}`);
    await signIn(own, w.usher.username, w.usher.password);
    await own.waitForFunction(() => !document.querySelector("#username"));
    const cookies = await w.session.browser.cookies();
    assert.ok(cookies.some((cookie) => cookie.name === "__Host-usher-session"), "there is a first-party session");
    await tab.bringToFront();
    assert.equal((await press(tab, "getTokens")).members["error"], "interaction_required");
  });

  it("the modal sign-in delivers a token that the API takes", async () => {
    const tab = await open();
    assert.equal((await press(tab, "getTokensWithPopup", () => type(tab))).outcome, "resolved");
    assert.equal((await press(tab, "getResource")).members["active"], "true");
  });

  it("forced authentication and step-up deliver theirs", async () => {
    const tab = await open();
    const forced = await press(tab, "login", () => type(tab));
    assert.equal(forced.members["scope"], "openid");
    const payment = await press(tab, "stepUp", async () => {
      if (await showsFrame(tab)) await type(tab);
    });
    assert.match(payment.members["scope"] ?? "", /payment/);
  });

  it("after a sign-in in the frame, a reload is mended by the frame's own partitioned session", async () => {
    const tab = await open();
    await press(tab, "getTokensWithPopup", () => type(tab));
    await tab.reload();
    const silent = await press(tab, "getTokens");
    assert.equal(silent.outcome, "resolved", JSON.stringify(silent));
  });

  it("where no cookie comes back at all, the tab renews by its handle, again and again, until it signs out", async () => {
    const tab = await open();
    await press(tab, "getTokensWithPopup", () => type(tab));
    const cdp = await tab.createCDPSession();
    const asked: string[] = [];
    tab.on("response", (r) => void (r.url().endsWith("/oauth-assisted-token/renewal") && r.request().method() === "POST" && asked.push(String(r.status()))));
    await cdp.send("Network.clearBrowserCookies");
    for (const round of [1, 2, 3]) {
      const silent = await press(tab, "getTokens");
      assert.equal(silent.outcome, "resolved", `round ${round}: ${JSON.stringify(silent)}`);
      assert.equal("renewal_offered" in silent.members, false, "the app sees no handle");
      await cdp.send("Network.clearBrowserCookies");
    }
    assert.deepEqual(asked, ["400", "200", "200", "200"], "the first proof learns the nonce");
    assert.equal((await press(tab, "getResource")).members["active"], "true");
    assert.equal((await press(tab, "logout")).outcome, "resolved");
    assert.equal((await press(tab, "getTokens")).members["error"], "interaction_required");
  });

  it("a wrong password is told, and the right one goes on", async () => {
    const tab = await open();
    const shown = await press(tab, "getTokensWithPopup", async () => {
      await signIn(await visibleFrame(tab, w.usher.server), w.usher.username, "not the password");
      await visibleFrame(tab, w.usher.server, "[role=alert]");
      await type(tab);
    });
    assert.equal(shown.outcome, "resolved");
  });

  it("a closed dialog is access_denied", async () => {
    const tab = await open();
    const shown = await press(tab, "getTokensWithPopup", async () => {
      await visibleFrame(tab, w.usher.server);
      await tab.click(".usher-x");
    });
    assert.equal(shown.members["error"], "access_denied");
  });

  it("logout by the token alone makes it inactive and ends the session", async () => {
    const tab = await open();
    const token = await tokenFrom(tab, "getTokensWithPopup", "result_1", () => type(tab));
    assert.equal((await introspect(w.usher, token))["active"], true);
    assert.equal((await press(tab, "logout")).outcome, "resolved");
    assert.equal((await introspect(w.usher, token))["active"], false);
    assert.equal((await press(tab, "getResource")).members["status"], "401");
    assert.equal((await press(tab, "getTokens")).members["error"], "interaction_required");
  });

  it("logout resolves where nobody is signed in", async () => {
    const tab = await open();
    assert.equal((await press(tab, "logout")).outcome, "resolved");
  });
});
