// Two apps as their authors wrote them, years before this server: they have to run unchanged.
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, before, describe, it } from "node:test";
import type { Page } from "puppeteer-core";
import { startAPI } from "../harness/usher.ts";
import { signIn, visibleFrame } from "../harness/user.ts";
import { until } from "../harness/wait.ts";
import { fixture, visit, world, type World } from "../harness/world.ts";

const PLAIN = "http://localhost:8080";
const LATE = "https://localhost:8000";
const REDIRECTING = ["http://localhost:4200", "http://localhost:3000"];

let w: World;
let api: Awaited<ReturnType<typeof startAPI>>;
/** How often the page of an app that asks by redirect was loaded. */
let loads = 0;

before(async () => {
  w = await world({ sites: { "localhost:8080": {}, "localhost:8000": { tls: true }, "localhost:4200": {}, "localhost:3000": {} } });
  Object.assign(w.at("localhost:8080").pages, {
    "/": fixture("plain/index.html", w.usher),
    "/app.js": fixture("plain/app.js", w.usher),
    "/api": (request: IncomingMessage, response: ServerResponse) => {
      const { authorization } = request.headers;
      response.writeHead(authorization ? 200 : 401, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ authorization: authorization ?? null }));
    },
  });
  Object.assign(w.at("localhost:8000").pages, { "/": fixture("late/index.html", w.usher), "/app.js": fixture("late/app.js", w.usher) });
  api = await startAPI(w.usher, "angular-spa", "http://localhost:4200");
  for (const origin of REDIRECTING) {
    Object.assign(w.at(new URL(origin).host).pages, {
      "/": (_: IncomingMessage, response: ServerResponse) => {
        loads++;
        response.setHeader("Content-Type", "text/html; charset=utf-8");
        response.end(fixture("redirecting/index.html", w.usher));
      },
      "/app.js": fixture("redirecting/app.js", w.usher).replace("{{api}}", api.address),
    });
  }
});
after(async () => {
  await api.stop();
  await w.close();
});

interface Outcome {
  id?: string;
  done?: Record<string, unknown> | null;
  failed?: unknown;
  token?: string;
  subject?: string;
}

/** Presses a button of one of the apps and waits for what its callbacks note. */
async function press(tab: Page, id: string, act?: () => Promise<void>): Promise<Outcome> {
  await tab.evaluate("outcome = null");
  await tab.click(`#${id}`);
  await act?.();
  return until(`the outcome of ${id}`, () => tab.evaluate("outcome") as Promise<Outcome | null>);
}

const type = async (tab: Page): Promise<void> => signIn(await visibleFrame(tab, w.usher.server), w.usher.username, w.usher.password);

describe("the plain JavaScript app at http://localhost:8080", () => {
  it("loginIfRequired signs in and gives {token, expires}", async () => {
    const tab = await visit(w, PLAIN);
    const { done } = await press(tab, "loginIfRequired", () => type(tab));
    assert.equal(typeof done?.["token"], "string");
    assert.ok(Number(done?.["expires"]) > Date.now() / 1000);
  });

  it("$.get('/api') carries the token to its own server, and is a .fail() without one", async () => {
    const tab = await visit(w, PLAIN);
    assert.equal((await press(tab, "getResource")).failed, 401);
    const { done } = await press(tab, "loginIfRequired", () => type(tab));
    const answer = await press(tab, "getResource");
    assert.deepEqual(answer.done, { authorization: `Bearer ${String(done?.["token"])}` });
  });

  it("fetchTokens ends in .fail() with interaction_required, and in .then() after a sign-in", async () => {
    const tab = await visit(w, PLAIN);
    assert.equal(((await press(tab, "fetchTokens")).failed as { error: string }).error, "interaction_required");
    await press(tab, "loginIfRequired", () => type(tab));
    assert.equal(typeof (await press(tab, "fetchTokens")).done?.["token"], "string");
  });

  it("login({force_auth: true, scope: 'openid'}) asks again and gives an id_token", async () => {
    const tab = await visit(w, PLAIN);
    await press(tab, "loginIfRequired", () => type(tab));
    const { done } = await press(tab, "login", () => type(tab));
    assert.equal(done?.["scope"], "openid");
    assert.equal(typeof done?.["id_token"], "string");
  });

  it("logout ends in .then(), also where nobody is signed in", async () => {
    const tab = await visit(w, PLAIN);
    assert.ok("done" in (await press(tab, "logout")));
    await press(tab, "loginIfRequired", () => type(tab));
    assert.ok("done" in (await press(tab, "logout")));
    assert.equal((await press(tab, "getResource")).failed, 401);
  });
});

describe("the app at https://localhost:8000", () => {
  it("reads discovery by XHR, finds the late library by polling, and counts the assistant's own methods", async () => {
    const tab = await visit(w, LATE);
    await tab.waitForFunction("window.methods > 0");
    assert.equal(await tab.evaluate("outcome"), null);
    assert.ok(((await tab.evaluate("window.methods")) as number) >= 10);
  });

  it("loginIfRequired({scope: ''}) gives msg.token, and getAdditionalData() the subject, without openid", async () => {
    const tab = await visit(w, LATE);
    await tab.waitForFunction("window.methods > 0");
    const { token, subject } = await press(tab, "login", () => type(tab));
    assert.ok(token);
    assert.ok(subject);
    const data = (await tab.evaluate(`curity.token.constants.token_endpoint`)) as string;
    assert.equal(data, `${w.usher.server}/oauth/v2/oauth-assisted-token`);
    assert.equal(await tab.$eval("#user", (e) => e.textContent), subject);
  });

  it("a reload signs in silently", async () => {
    const tab = await visit(w, LATE);
    await tab.waitForFunction("window.methods > 0");
    await press(tab, "login", () => type(tab));
    await tab.reload();
    await tab.waitForFunction("window.methods > 0");
    assert.ok((await press(tab, "login")).token);
  });
});

for (const origin of REDIRECTING) {
  describe(`the app at ${origin}, which first asks by a redirect of the whole page`, () => {
    const ready = async (tab: Page, answer: RegExp): Promise<void> => {
      await tab.waitForFunction("document.querySelector('#state')?.textContent === 'ready'");
      assert.match(await tab.evaluate("location.hash") as string, answer);
    };

    it("asks once where nobody is signed in, then signs in in the modal", async () => {
      loads = 0;
      const tab = await visit(w, origin);
      await ready(tab, /error=login_required/);
      const outcome = (await press(tab, "login", () => type(tab))) as unknown as Record<string, unknown>;
      assert.equal(outcome["header"], `Bearer ${String(outcome["token"])}`);
      assert.equal(outcome["authenticated"], true);
      assert.equal(outcome["expired"], false);
      assert.equal(loads, 2, "the page itself, and once more with the answer");
    });

    it("gets an id_token at once where somebody is, and a token without a prompt", async () => {
      const tab = await visit(w, origin);
      await ready(tab, /error=login_required/);
      await press(tab, "login", () => type(tab));
      loads = 0;
      const second = await tab.browserContext().newPage();
      await second.goto(origin, { waitUntil: "load" });
      await ready(second, /id_token=ey/);
      assert.ok((await press(second, "login")).token);
      assert.equal(loads, 2);
    });
  });
}

describe("the API of the app at http://localhost:4200", () => {
  it("takes the app's token by CORS, and refuses none", async () => {
    const tab = await visit(w, "http://localhost:4200");
    await tab.waitForFunction("document.querySelector('#state')?.textContent === 'ready'");
    assert.deepEqual(await press(tab, "call"), { status: 401 });
    await press(tab, "login", () => type(tab));
    assert.deepEqual(await press(tab, "call"), { status: 200 });
  });
});
