// An operator's first day: an empty server, the one-time link, the profile, clients by the wizard, a user; then the
// example apps sign in with what was made, and what they were given is taken back.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Page } from "puppeteer-core";
import { builtApp } from "../harness/apps.ts";
import { becomeOperator, fill, heading, OPERATOR, press, tick } from "../harness/operator.ts";
import { startServer, type Server } from "../harness/server.ts";
import { callAPI, logIn, rest, type Spa } from "../harness/spa.ts";
import { freePort, introspect, startAPI, startExample } from "../harness/usher.ts";
import { press as pressExample, signIn, visibleFrame } from "../harness/user.ts";
import { until } from "../harness/wait.ts";
import { world, type World } from "../harness/world.ts";

const CLIENT = "client-assisted-example";
const ANGULAR = "http://localhost:4200";
const JAVASCRIPT = "http://localhost:8080";

describe("a new operator", () => {
  let usher: Server;
  let w: World;
  let tab: Page;
  let examplePort: number;
  const ends: (() => Promise<void>)[] = [];
  before(async () => {
    examplePort = await freePort();
    w = await world({ start: async () => (usher = await startServer()), sites: { "localhost:4200": {} }, map: { "localhost:8080": examplePort } });
    ends.push(async () => w.close());
    tab = await w.session.fresh();
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  it("gets in by the one-time link, and finds out what to do first", async () => {
    await becomeOperator(usher, tab);
    assert.equal(await heading(tab), "Overview");
    assert.match(await tab.$eval("main", (e) => e.textContent), /client/i);
  });

  it("switches the assisted token flow off and on in the profile, and implicit on", async () => {
    await tab.goto(`${usher.admin}/admin/profile/edit`);
    await tick(tab, "capabilities", "assisted_token", false);
    await press(tab, "Save");
    const state = (): Promise<string> =>
      tab.$$eval("main tbody tr", (rows) => rows.find((row) => /assisted token/i.test(row.textContent))?.querySelector("td")?.textContent.trim() ?? "");
    assert.equal(await state(), "off");
    await press(tab, "Change");
    await tick(tab, "capabilities", "assisted_token");
    await tick(tab, "capabilities", "implicit");
    await press(tab, "Save");
    assert.equal(await state(), "on");
  });

  it("makes the apps' client by the wizard", async () => {
    await tab.goto(`${usher.admin}/admin/clients/new?kind=spa`);
    await fill(tab, "name", "Example apps");
    await fill(tab, "id", CLIENT);
    await fill(tab, "allowed_origins", `${JAVASCRIPT}\n${ANGULAR}`);
    await tick(tab, "flows", "implicit");
    await press(tab, "Continue");
    await fill(tab, "redirect_uris", ANGULAR);
    await tick(tab, "scope", "payment");
    await press(tab, "Make the client");
    assert.equal(await heading(tab), "The client is there");
    assert.match(await tab.$eval("main", (e) => e.textContent), new RegExp(`${usher.server}/oauth/v2/oauth-assisted-token/resources/js/assisted-token.min.js`));
  });

  it("makes the client of the apps' API, and copies its secret, which is shown once", async () => {
    await tab.goto(`${usher.admin}/admin/clients/new?kind=api`);
    await fill(tab, "name", "Example API");
    await fill(tab, "id", "example-api");
    await press(tab, "Continue");
    await press(tab, "Make the client");
    const secret = await tab.$eval("#secret", (e) => e.textContent.trim());
    assert.match(secret, /^[\w-]{43}$/);
    writeFileSync(join(usher.data, "example-api.secret"), secret);
    await tab.goto(`${usher.admin}/admin/clients/example-api`);
    assert.ok(!(await tab.content()).includes(secret));
  });

  it("adds a user, who sets a password by a link that works once", async () => {
    await tab.goto(`${usher.admin}/admin/accounts/new`);
    await fill(tab, "username", usher.username);
    await fill(tab, "name", "Ann Archer");
    await press(tab, "Make the account");
    const link = await tab.$eval("#link", (e) => e.textContent.trim());
    const user = await w.session.tab();
    await user.goto(link);
    await user.locator("#password").fill(usher.password);
    await Promise.all([user.waitForNavigation(), user.click("form button[type=submit]")]);
    await user.goto(link);
    assert.equal(await user.$("#password"), null);
  });

  it("sees the JavaScript app sign in with what was made", async () => {
    ends.push(await startExample(usher, CLIENT, examplePort));
    const app = await w.session.fresh();
    await app.goto(JAVASCRIPT);
    const shown = await pressExample(app, "getTokensWithPopup", async () => signIn(await visibleFrame(app, usher.server), usher.username, usher.password));
    assert.equal(shown.outcome, "resolved");
    const answer = await pressExample(app, "getResource");
    assert.equal(answer.outcome, "resolved");
  });

  it("sees the Angular app sign in, takes back what it was given, and the app's token is refused", async () => {
    const api = await startAPI(usher, "angular-spa", ANGULAR);
    ends.push(api.stop);
    Object.assign(w.at("localhost:4200").pages, builtApp("angular-spa", usher, api.address));
    const app = await w.session.fresh();
    const bearers: string[] = [];
    app.on("request", (request) => {
      const header = request.headers()["authorization"];
      if (header) bearers.push(header.replace("Bearer ", ""));
    });
    await app.goto(ANGULAR);
    await rest(app);
    await logIn({ w } as Spa, app);
    assert.deepEqual((await callAPI(app)).map(({ status }) => status), [200]);
    const token = bearers.at(-1)!;
    assert.equal((await introspect(usher, token))["active"], true);

    const admin = await signedIn();
    await admin.goto(`${usher.admin}/admin/delegations?client=${CLIENT}&user=${usher.username}`);
    while ((await admin.$("main a.danger")) !== null) {
      const [link] = await admin.$$("main a.danger");
      await Promise.all([admin.waitForNavigation(), link!.click()]);
      await Promise.all([admin.waitForNavigation(), admin.click("main form button.danger")]);
    }
    assert.equal((await introspect(usher, token))["active"], false);
    // The API may believe in a token for some seconds.
    const call = async (): Promise<number> => (await fetch(api.address, { headers: { Authorization: `Bearer ${token}` } })).status;
    await until("the API to refuse the token", async () => (await call()) === 401);
  });

  /** A tab of a browser of its own, which the operator is signed in to. */
  async function signedIn(): Promise<Page> {
    const context = await w.session.browser.createBrowserContext();
    const page = await context.newPage();
    await page.goto(`${usher.admin}/admin`);
    await until("the sign-in", () => page.$("input#password"));
    await signIn(page, OPERATOR.username, OPERATOR.password);
    await until("the admin pages", () => page.url().startsWith(`${usher.admin}/admin`) && page.$("main h1"));
    return page;
  }
});
