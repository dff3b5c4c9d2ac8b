// The tests of the Angular and of the React example, one suite for both.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { HTTPRequest, Page } from "puppeteer-core";
import { APPS, type App } from "./apps.ts";
import { faults } from "./axe.ts";
import { age } from "./database.ts";
import { becomes, callAPI, expires, log, logIn, push, rest, startSpa, subject, typePassword, type Spa, type Tab } from "./spa.ts";
import { showsFrame } from "./user.ts";
import { fetchFrom } from "./usher.ts";
import { until } from "./wait.ts";

const CLIENT = "client-assisted-example";
const AUTHORIZE = "/oauth/v2/oauth-authorize";

export function spaTests(app: App): void {
  const origin = APPS[app];
  let spa: Spa;
  before(async () => {
    spa = await startSpa(app);
  });
  after(() => spa.close());

  /** A tab whose user has logged in by the app's button. */
  async function openSignedIn(): Promise<Tab> {
    const tab = await spa.open();
    await logIn(spa, tab.page);
    return tab;
  }

  /** Answers the whole page's visit in the server's stead, with this fragment. */
  async function answering(page: Page, fragment: (visit: URL) => string): Promise<void> {
    await page.setRequestInterception(true);
    page.on("request", (request: HTTPRequest) => {
      const url = new URL(request.url());
      if (url.pathname !== AUTHORIZE) return void request.continue();
      void request.respond({ status: 302, headers: { Location: `${origin}/${fragment(url)}` } });
    });
  }

  describe(`${app}: the first load`, () => {
    it("asks once with the whole page, and does not loop on login_required", async () => {
      const { page, visits, silent } = await spa.open();
      assert.equal(visits.length, 1);
      const { nonce, ...rest } = Object.fromEntries(visits[0]!.searchParams);
      assert.deepEqual(rest, { response_type: "id_token", scope: "openid", client_id: CLIENT, redirect_uri: origin, prompt: "none" });
      assert.ok(nonce && nonce.length >= 16);
      assert.deepEqual(await log(page), ["first load: login_required"]);
      assert.equal(await page.$eval("#status", (e) => (e as HTMLElement).dataset["state"]), "signed-out");
      assert.equal(silent.length, 0, "nobody to ask for");
      assert.equal(await showsFrame(page), false);
    });

    it("leaves a clean address, and a reload does not ask again", async () => {
      const { page, visits } = await spa.open();
      assert.equal(page.url(), `${origin}/`);
      await page.reload();
      await becomes(page, "signed-out");
      assert.equal(visits.length, 1);
      assert.equal(page.url(), `${origin}/`);
    });

    it("finds the session in a new tab: an id_token, then a token, and nothing shows", async () => {
      const first = await openSignedIn();
      const { page, visits } = await spa.open(await spa.w.session.tab());
      await becomes(page, "signed-in");
      assert.equal(visits.length, 1);
      assert.equal(page.url(), `${origin}/`);
      assert.deepEqual(await log(page), ["first load: the server has a session", "silent renewal: a token"]);
      assert.equal(await subject(page), await subject(first.page));
    });

    for (const error of ["invalid_request", "unauthorized_client", "never_heard_of"]) {
      it(`does not loop on ${error}`, async () => {
        const blank = await spa.w.session.fresh();
        await answering(blank, () => `#error=${error}&error_description=x`);
        const { page, visits } = await spa.open(blank);
        assert.deepEqual(await log(page), [`first load: ${error}`]);
        assert.equal(page.url(), `${origin}/`);
        await page.reload();
        await becomes(page, "signed-out");
        assert.equal(visits.length, 1);
      });
    }

    it("does not loop where no answer comes with the page", async () => {
      const blank = await spa.w.session.fresh();
      await answering(blank, () => "");
      const { page, visits } = await spa.open(blank);
      await becomes(page, "signed-out");
      assert.equal(visits.length, 1);
    });

    for (const [name, wrong] of Object.entries({
      "another nonce": { nonce: "another" },
      "another issuer": { iss: "https://elsewhere.example" },
      "another audience": { aud: "another" },
      "an old one": { exp: 1 },
    })) {
      it(`does not believe an id_token with ${name}`, async () => {
        const blank = await spa.w.session.fresh();
        await answering(blank, (visit) => `#id_token=${idToken(visit, wrong)}`);
        const { page, silent } = await spa.open(blank);
        assert.deepEqual(await log(page), ["first load: the id_token is not an answer to this page"]);
        assert.equal(silent.length, 0);
        assert.equal(page.url(), `${origin}/`);
      });
    }

    it("ignores an id_token that it did not ask for", async () => {
      const { page, visits } = await spa.open();
      await page.goto(`${origin}/?#id_token=x.e30.x`);
      await becomes(page, "signed-out");
      assert.ok(!page.url().includes("id_token"));
      assert.equal(visits.length, 1);
    });
  });

  /** An unsigned id_token that answers the visit, but for what is wrong with it. */
  function idToken(visit: URL, wrong: Record<string, unknown>): string {
    const { nonce, client_id: aud } = Object.fromEntries(visit.searchParams);
    const claims = { iss: `${spa.w.usher.server}/oauth/v2/oauth-anonymous`, aud, nonce, exp: Date.now() / 1000 + 60, ...wrong };
    return `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;
  }

  describe(`${app}: log in, call the API, log out`, () => {
    it("the API answers 401 without a token, and knows the user with one", async () => {
      const { page } = await spa.open();
      assert.deepEqual((await callAPI(page)).map(({ status }) => status), [401]);
      await logIn(spa, page);
      const [answer] = await callAPI(page);
      assert.equal(answer?.status, 200);
      assert.equal(answer.members["sub"], await subject(page));
    });

    it("sends the token to the API alone, and keeps it out of storage and addresses", async () => {
      const { page, bearers } = await openSignedIn();
      await callAPI(page);
      await page.reload();
      await becomes(page, "signed-in");
      await callAPI(page);
      assert.deepEqual([...new Set(bearers.map(({ to }) => to))], [spa.api]);
      const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie + location.href);
      for (const { header } of bearers) assert.ok(!kept.includes(header.replace("Bearer ", "")));
    });

    it("a reload signs in silently, and the page does not leave for it", async () => {
      const { page, visits, silent } = await openSignedIn();
      const user = await subject(page);
      await page.reload();
      await becomes(page, "signed-in");
      assert.equal(await subject(page), user);
      assert.equal(visits.length, 1);
      assert.ok(silent.length > 0);
      assert.equal(await showsFrame(page), false);
    });

    it("a closed dialog leaves the user signed out, and is no fault", async () => {
      const { page } = await spa.open();
      await page.locator("#login").click();
      await page.locator(".usher-x").click();
      await until("the log to say so", async () => (await log(page)).includes("login: access_denied"));
      assert.equal(await rest(page), "signed-out");
      assert.equal(await page.$("#notice"), null);
    });

    it("logging out ends the token and the session, for a reload too", async () => {
      const { page } = await openSignedIn();
      await push(page, "logout");
      await becomes(page, "signed-out");
      assert.deepEqual((await callAPI(page)).map(({ status }) => status), [401]);
      await page.reload();
      await becomes(page, "signed-out");
      assert.equal(await showsFrame(page), false);
    });
  });

  describe(`${app}: a token that is no longer good`, () => {
    it("is renewed before it is sent once it has expired, one request for three calls", async () => {
      const { page, silent } = await openSignedIn();
      await spa.w.usher.cli(["client", "change", CLIENT, "--lifetime", "10"]);
      try {
        const end = await until("a token of ten seconds", async () => {
          await push(page, "renew");
          const at = await expires(page);
          return at - Date.now() <= 10_000 && at;
        });
        // The library does not trust a token in its last second, and what it tells is rounded down to one.
        await until("the token to expire", () => Date.now() > end, 15_000);
        const before = silent.length;
        const noted = (await log(page)).length;
        const answers = await callAPI(page, "callThrice");
        assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
        assert.equal(silent.length, before + 1);
        const lines = (await log(page)).slice(noted);
        assert.deepEqual(lines, ["silent renewal: a token", "GET /api: 200", "GET /api: 200", "GET /api: 200"]);
      } finally {
        await spa.w.usher.cli(["client", "change", CLIENT, "--lifetime", "0"]);
      }
    });

    it("is renewed once when the API refuses it, and the request repeated", async () => {
      const { page, silent, bearers } = await openSignedIn();
      await callAPI(page);
      await revoke(bearers.at(-1)!.header);
      const noted = await untilRefused(page, "call");
      const before = bearers.length;
      assert.deepEqual((await log(page)).slice(noted), ["GET /api: 401", "silent renewal: a token", "GET /api: 200"]);
      assert.notEqual(bearers.at(-1)!.header, bearers.at(-2)!.header);
      assert.ok(before > 0 && silent.length > 0);
    });

    it("is renewed once for three requests that are refused together", async () => {
      const { page, silent, bearers } = await openSignedIn();
      await callAPI(page);
      await revoke(bearers.at(-1)!.header);
      const before = silent.length;
      const noted = await untilRefused(page, "callThrice");
      assert.equal(silent.length, before + 1);
      const lines = (await log(page)).slice(noted);
      assert.equal(lines.filter((line) => line === "silent renewal: a token").length, 1);
      assert.equal(lines.filter((line) => line === "GET /api: 200").length, 3);
    });

    it("is given up where the session is over: the app says so and shows nothing", async () => {
      const first = await openSignedIn();
      const second = await spa.open(await spa.w.session.tab());
      await becomes(second.page, "signed-in");
      await push(second.page, "logout");
      await first.page.bringToFront();
      await untilRefused(first.page, "call");
      await becomes(first.page, "signed-out");
      assert.equal(await first.page.$eval("#answers .outcome", (e) => (e as HTMLElement).dataset["status"]), "401");
      assert.equal(await showsFrame(first.page), false);
    });
  });

  describe(`${app}: a payment`, () => {
    it("goes through at once after a sign-in of the last minute", async () => {
      const { page } = await openSignedIn();
      const [answer] = await callAPI(page, "pay");
      assert.equal(answer?.status, 200);
      const lines = (await log(page)).slice(-3);
      assert.deepEqual(lines, ["POST /api/payment: 403", "step up: a token", "POST /api/payment: 200"]);
      assert.match(answer.members["scope"] ?? "", /openid .*payment/, "what the token had before, it still has");
    });

    it("wants the password again after a minute, and is not made where the user declines", async () => {
      const { page } = await openSignedIn();
      age(spa.w.usher, 61);
      const [declined] = await callAPI(page, "pay", () => page.locator(".usher-x").click());
      assert.equal(declined?.status, 403);
      const [made] = await callAPI(page, "pay", () => typePassword(spa.w, page));
      assert.equal(made?.status, 200);
    });
  });

  /** Revokes the token behind the app's back. */
  async function revoke(header: string): Promise<void> {
    const body = new URLSearchParams({ token: header.replace("Bearer ", ""), client_id: CLIENT }).toString();
    const { status } = await fetchFrom(spa.w.usher, `${spa.w.usher.server}/oauth/v2/oauth-revoke`, { method: "POST", body });
    assert.equal(status, 200);
  }

  /**
   * Calls the API until it has refused a token, for it may believe in one for some seconds; returns where in
   * the log that call begins.
   */
  async function untilRefused(page: Page, button: "call" | "callThrice"): Promise<number> {
    return until("the API to refuse the token", async () => {
      const noted = (await log(page)).length;
      await callAPI(page, button);
      const lines = (await log(page)).slice(noted);
      return lines.includes("GET /api: 401") && noted;
    }, 15_000);
  }

  describe(`${app}: how it looks`, () => {
    it("readable in light and dark, at 360 px, for axe-core: signed out", async () => {
      const { page } = await spa.open();
      assert.deepEqual(await faults(page), []);
    });

    it("the same, signed in and with answers", async () => {
      const { page } = await openSignedIn();
      await callAPI(page, "callThrice");
      assert.deepEqual(await faults(page), []);
    });

    it("the same where the server is not there", async () => {
      const page = await spa.w.session.fresh();
      await page.setRequestInterception(true);
      page.on("request", (request) => void (request.url().startsWith(spa.w.usher.server) ? request.abort() : request.continue()));
      await spa.open(page);
      assert.equal(await rest(page), "unreachable");
      await page.waitForSelector("#notice[role=alert]");
      assert.deepEqual(await faults(page), []);
    });
  });
}
