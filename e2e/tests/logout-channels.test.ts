// Two clients of one browser hear of its sign-out: in frames of their own, and by watching the browser's state.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Page } from "puppeteer-core";
import type { Policy } from "../harness/browser.ts";
import { page } from "../harness/site.ts";
import { call, signIn } from "../harness/user.ts";
import { until } from "../harness/wait.ts";
import { appPage, signInBy, visit, world, type World } from "../harness/world.ts";

interface RP {
  id: string;
  /** Of another site than the server, so that the browser's cookie policy counts. */
  origin: string;
  /** The addresses, with query, by which it heard of logouts. */
  heard: URL[];
  /** What it does when it hears of one; answers where absent. */
  hear?: (response: ServerResponse) => void;
}

/** An app with a page for the library, one that watches the browser's state, one for logouts, and one to come back to. */
async function relyingParty(w: World, id: string): Promise<RP> {
  const site = await w.site({});
  const rp: RP = { id, origin: site.byAddress, heard: [] };
  const check = `${w.usher.server}/oauth/v2/oauth-session/check`;
  Object.assign(site.pages, {
    "/": appPage(w.usher, { clientId: id }),
    "/cb": page("Back", "<h1>Back</h1>"),
    "/bye": page("Bye", "<h1>Bye</h1>"),
    "/watch": page("Watch", `<iframe id="op" src="${check}"></iframe>`),
    "/out": (request: { url?: string }, response: ServerResponse) => {
      rp.heard.push(new URL(request.url ?? "", rp.origin));
      if (rp.hear) rp.hear(response);
      else response.setHeader("Content-Type", "text/html").end("<!doctype html><title>Out</title>");
    },
  });
  await w.usher.client(id, [rp.origin], "--scope", "openid", "--capability", "assisted_token", "--capability", "code",
    "--redirect-uri", `${rp.origin}/cb`, "--post-logout-redirect-uri", `${rp.origin}/bye`, "--frontchannel-logout-uri", `${rp.origin}/out`);
  return rp;
}

/** Signs the user in at both clients; gives the first one's ID token. */
async function signInAtBoth(w: World, [first, second]: [RP, RP]): Promise<{ tab: Page; idToken: string }> {
  const tab = await visit(w, first.origin);
  const { value } = await signInBy(w, tab);
  const other = await w.session.tab();
  await other.goto(second.origin);
  assert.equal((await call(other, "assistant.fetchTokens()")).outcome, "resolved");
  await other.close();
  return { tab, idToken: String(value["id_token"]) };
}

/** The session_state of an authorization response, and what came with it. */
async function authorize(w: World, tab: Page, rp: RP, prompt: string): Promise<URLSearchParams> {
  const query = new URLSearchParams({
    response_type: "code", client_id: rp.id, redirect_uri: `${rp.origin}/cb`, scope: "openid", prompt, state: "s",
    code_challenge: createHash("sha256").update("v".repeat(43)).digest("base64url"), code_challenge_method: "S256",
  });
  await tab.goto(`${w.usher.server}/oauth/v2/oauth-authorize?${query.toString()}`);
  if (prompt !== "none") await signIn(tab, w.usher.username, w.usher.password);
  return until("the way back", () => tab.url().startsWith(`${rp.origin}/cb`) && new URL(tab.url()).searchParams);
}

/** Asks the check_session_iframe in the page. */
function check(tab: Page, server: string, message: unknown): Promise<string> {
  return tab.evaluate(
    (origin, text) =>
      new Promise<string>((resolve) => {
        const op = document.querySelector<HTMLIFrameElement>("#op")?.contentWindow;
        window.addEventListener("message", (event) => event.origin === origin && event.source === op && resolve(String(event.data)), { once: true });
        op?.postMessage(text, origin);
      }),
    server,
    message,
  );
}

function logoutAddress(w: World, rp: RP, idToken: string): string {
  const query = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: `${rp.origin}/bye`, state: "s 1" });
  return `${w.usher.server}/oauth/v2/oauth-session/logout?${query.toString()}`;
}

function withCookies(policy: Policy, tests: (w: () => World, rps: () => [RP, RP]) => void): void {
  describe(`third-party cookies ${policy}`, () => {
    let w: World;
    let rps: [RP, RP];
    before(async () => {
      w = await world({ policy });
      rps = [await relyingParty(w, "first"), await relyingParty(w, "second")];
    });
    beforeEach(() => {
      for (const rp of rps) {
        rp.heard.length = 0;
        delete rp.hear;
      }
    });
    after(() => w.close());
    tests(() => w, () => rps);
  });
}

withCookies("allowed", (w, rps) => {
  it("a sign-out by one client loads the logout pages of both, then goes back", async () => {
    const { tab, idToken } = await signInAtBoth(w(), rps());
    const { sid } = JSON.parse(Buffer.from(idToken.split(".")[1] ?? "", "base64url").toString()) as { sid: string };
    await tab.goto(logoutAddress(w(), rps()[0], idToken));
    await until("the way back", () => tab.url() === `${rps()[0].origin}/bye?state=s+1`);
    for (const rp of rps()) {
      assert.equal(rp.heard.length, 1, `${rp.id} heard ${rp.heard.join(", ")}`);
      assert.deepEqual(Object.fromEntries(rp.heard[0]?.searchParams ?? []), { iss: `${w().usher.server}/oauth/v2/oauth-anonymous`, sid });
    }
  });

  it("a client that does not answer holds nobody up", async () => {
    const { tab, idToken } = await signInAtBoth(w(), rps());
    const waiting: ServerResponse[] = [];
    rps()[1].hear = (response) => void waiting.push(response);
    await tab.goto(logoutAddress(w(), rps()[0], idToken), { waitUntil: "domcontentloaded" });
    await until("the way back", () => tab.url().startsWith(`${rps()[0].origin}/bye`));
    assert.equal(waiting.length, 1);
    waiting.forEach((response) => response.end());
  });

  it("without script a link goes on", async () => {
    const { tab, idToken } = await signInAtBoth(w(), rps());
    await tab.setJavaScriptEnabled(false);
    await tab.goto(logoutAddress(w(), rps()[0], idToken));
    await Promise.all([tab.waitForNavigation(), tab.click("form#logout button")]);
    await Promise.all([tab.waitForNavigation(), tab.click("a#next")]);
    assert.equal(tab.url(), `${rps()[0].origin}/bye?state=s+1`);
    assert.equal(rps()[1].heard.length, 1);
  });

  it("the library's logout tells the other client too, and does not wait long for it", async () => {
    const { tab } = await signInAtBoth(w(), rps());
    const waiting: ServerResponse[] = [];
    rps()[1].hear = (response) => void waiting.push(response);
    assert.equal((await call(tab, "assistant.logout()")).outcome, "resolved");
    assert.equal(rps()[0].heard.length, 1);
    assert.equal(waiting.length, 1);
    waiting.forEach((response) => response.end());
    assert.equal((await call(tab, "assistant.fetchTokens()")).outcome, "rejected");
  });

  it("the check_session_iframe says unchanged while the session lives, and changed after the sign-out", async () => {
    const [first] = rps();
    const tab = await visit(w(), first.origin);
    const fresh = (await authorize(w(), tab, first, "login")).get("session_state") ?? "";
    const state = (await authorize(w(), tab, first, "none")).get("session_state") ?? "";
    assert.match(state, /^[0-9a-f]{64}\.[\w-]+$/);
    const ask = async (message: unknown): Promise<string> => {
      await tab.goto(`${first.origin}/watch`);
      return check(tab, w().usher.server, message);
    };
    assert.equal(await ask(`first ${fresh}`), "unchanged", "the answer to the sign-in has the state after it");
    assert.equal(await ask(`first ${state}`), "unchanged");
    assert.equal(await ask(`second ${state}`), "changed", "the state is the client's own");
    for (const broken of ["", "first", state, `first ${state}x y`, "first a.b", 7, null]) assert.equal(await ask(broken), "error", String(broken));
    await tab.goto(`${w().usher.server}/oauth/v2/oauth-session/logout`);
    await Promise.all([tab.waitForNavigation(), tab.click("form#logout button")]);
    assert.equal(await ask(`first ${state}`), "changed");
  });
});

withCookies("blocked", (w, rps) => {
  it("where the browser keeps cookies from frames, the check_session_iframe says error, not changed", async () => {
    // No sign-in comes before: after one by redirect, browsers let the frame have its cookies for a while.
    const tab = await visit(w(), `${rps()[0].origin}/watch`);
    assert.equal(await check(tab, w().usher.server, `first ${"0".repeat(64)}.salt`), "error");
  });
});
