// The browser itself asks the server for the user (FedCM), in Chromium with third-party cookies blocked: what no frame can see
// there, the browser can, and the user chooses an account in the browser's own dialog.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import type { CDPSession, Page, Protocol } from "puppeteer-core";
import { serve, type Site } from "../harness/site.ts";
import { call, clickWhenReady, popupOf, settled, signIn, start, visibleFrame, type Settled } from "../harness/user.ts";
import { introspect } from "../harness/usher.ts";
import { until } from "../harness/wait.ts";
import { appPage, world, type World } from "../harness/world.ts";

type Shown = Protocol.FedCm.DialogShownEvent;

let w: World;
let app: Site;
before(async () => {
  w = await world({ policy: "blocked" });
  app = await serve({});
  const about = join(w.usher.data, "about.json");
  writeFileSync(about, JSON.stringify({ policy_uri: "https://app.example/privacy", tos_uri: "https://app.example/terms" }));
  await w.usher.client("second", [app.bySecondAddress], "--from", about, "--capability", "assisted_token");
  await w.usher.client("agreed", [app.bySecondAddress], "--scope", "openid profile", "--consent");
  app.pages["/second"] = appPage(w.usher, { clientId: "second", fedcm: true });
  app.pages["/agreed"] = appPage(w.usher, { clientId: "agreed", fedcm: true });
  app.pages["/without"] = appPage(w.usher, { clientId: "second" });
});
after(async () => {
  await app.close();
  await w.close();
});

/** How often the server wrote down a sign-in by password so far. */
async function signIns(): Promise<number> {
  const printed = await w.usher.cli(["audit", "list", "--json", "--limit", "1000"]);
  return printed.split(/"event": ?"sign_in"/).length - 1;
}

/** Signs in at the server itself, as a page of its own: at the address where browsers take a user for that. */
async function signInFirstParty(tab: Page): Promise<void> {
  await tab.goto(`${w.usher.server}/authn/authentication/login`);
  await signIn(tab, w.usher.username, w.usher.password);
  await tab.waitForSelector("main[data-page=resolve]");
}

interface AppTab {
  cdp: CDPSession;
  /** The browser's dialogs so far. */
  shown: Shown[];
  closed: string[];
}

/** The app in the tab, where the browser's dialogs can be seen and answered. */
async function open(tab: Page, path: string, disableRejectionDelay = true): Promise<AppTab> {
  const shown: Shown[] = [];
  const closed: string[] = [];
  const cdp = await tab.createCDPSession();
  cdp.on("FedCm.dialogShown", (event) => shown.push(event));
  cdp.on("FedCm.dialogClosed", ({ dialogId }) => closed.push(dialogId));
  await cdp.send("FedCm.enable", { disableRejectionDelay });
  await cdp.send("FedCm.resetCooldown");
  await tab.goto(app.bySecondAddress + path, { waitUntil: "load" });
  // What an earlier test agreed to stays in the browser: here the user is asked all the same.
  await tab.evaluate(() => navigator.credentials.preventSilentAccess());
  return { cdp, shown, closed };
}

async function dialog({ shown }: AppTab, type: Shown["dialogType"]): Promise<Shown> {
  return until(`the browser's dialog ${type}`, () => shown.find((each) => each.dialogType === type));
}

async function choose(page: AppTab): Promise<void> {
  const { dialogId, accounts } = await dialog(page, "AccountChooser");
  assert.deepEqual(accounts.map(({ name }) => name), ["Demo User"]);
  await page.cdp.send("FedCm.selectAccount", { dialogId, accountIndex: 0 });
}

async function active(result: Settled): Promise<string> {
  assert.equal(result.outcome, "resolved", JSON.stringify(result));
  const token = String(result.value["token"]);
  assert.equal((await introspect(w.usher, token))["active"], true);
  return token;
}

/** The window that the browser opens, once its page is loaded. */
async function windowOf(act: () => Promise<unknown>): Promise<Page> {
  const before = new Set(await w.session.browser.pages());
  await act();
  return until("the browser's window", async () => {
    const opened = (await w.session.browser.pages()).find((each) => !before.has(each));
    return opened?.url().startsWith(w.usher.server) && opened;
  });
}

describe("FedCM", () => {
  let tab: Page;
  beforeEach(async () => {
    tab = await w.session.fresh();
  });

  it("a second app gets a token by one choice, without a password, and the next time silently", async () => {
    await signInFirstParty(tab);
    const before = await signIns();
    const page = await open(tab, "/second");
    assert.equal((await call(tab, "assistant.fetchTokens()")).value["error"], "interaction_required");
    assert.deepEqual(page.shown, [], "a silent request shows nothing");
    await start(tab, "assistant.loginIfRequired()");
    const [account] = (await dialog(page, "AccountChooser")).accounts;
    assert.equal(account?.privacyPolicyUrl, "https://app.example/privacy", "what the client tells of itself");
    await choose(page);
    const first = await active(await settled(tab));

    // Without the frame's own cookie only the browser knows the user.
    for (const { name, domain, partitionKey } of (await page.cdp.send("Network.getAllCookies")).cookies) {
      if (partitionKey) await page.cdp.send("Network.deleteCookies", { name, domain, path: "/", partitionKey });
    }
    page.shown.length = 0;
    await tab.reload();
    assert.notEqual(await active(await call(tab, "assistant.fetchTokens()")), first);
    assert.deepEqual(page.shown.map(({ dialogType }) => dialogType), ["AutoReauthn"]);
    assert.equal(await signIns(), before);
  });

  it("a user who signed out gets the ordinary sign-in, and no prompt", async () => {
    await signInFirstParty(tab);
    await tab.goto(`${w.usher.server}/oauth/v2/oauth-session/logout`);
    await Promise.all([tab.waitForNavigation(), tab.click("form#logout button")]);
    // As users have it: the browser says no only after a long while.
    const page = await open(tab, "/second", false);
    await start(tab, "assistant.loginIfRequired()");
    await signIn(await visibleFrame(tab, w.usher.server), w.usher.username, w.usher.password);
    await active(await settled(tab));
    assert.deepEqual(page.shown, []);
  });

  it("a prompt that the user ignores gives way to the ordinary sign-in, and is taken away", async () => {
    await signInFirstParty(tab);
    const page = await open(tab, "/second");
    await start(tab, "assistant.loginIfRequired()");
    const { dialogId } = await dialog(page, "AccountChooser");
    await signIn(await visibleFrame(tab, w.usher.server), w.usher.username, w.usher.password);
    await active(await settled(tab));
    await until("the prompt to be taken away", () => page.closed.includes(dialogId));
  });

  it("a choice that comes late ends the ordinary sign-in", async () => {
    await signInFirstParty(tab);
    const before = await signIns();
    const page = await open(tab, "/second");
    await start(tab, "assistant.loginIfRequired()");
    await visibleFrame(tab, w.usher.server);
    await choose(page);
    await active(await settled(tab));
    assert.equal(await tab.$("dialog[open]"), null);
    assert.equal(await signIns(), before);
  });

  it("a prompt that the user closes gives way at once", async () => {
    await signInFirstParty(tab);
    const page = await open(tab, "/second");
    await start(tab, "assistant.loginIfRequired()");
    const { dialogId } = await dialog(page, "AccountChooser");
    await page.cdp.send("FedCm.dismissDialog", { dialogId });
    await visibleFrame(tab, w.usher.server);
  });

  it("a client whose users must agree asks in a window that the browser opens", async () => {
    await signInFirstParty(tab);
    const before = await signIns();
    const page = await open(tab, "/agreed");
    await start(tab, "assistant.loginIfRequired()");
    const window = await windowOf(() => choose(page));
    await clickWhenReady(window, "button[value=allow]");
    await active(await settled(tab));
    assert.equal(await signIns(), before);
    await until("the window to be closed", () => window.isClosed());
  });

  it("a user whose session is over signs in at login_url, in a window that closes by itself", async () => {
    await signInFirstParty(tab);
    await (await tab.createCDPSession()).send("Network.clearBrowserCookies");
    const before = await signIns();
    const page = await open(tab, "/second");
    await start(tab, "assistant.loginIfRequired()");
    const { dialogId } = await dialog(page, "ConfirmIdpLogin");
    const window = await windowOf(() => page.cdp.send("FedCm.clickDialogButton", { dialogId, dialogButton: "ConfirmIdpLoginContinue" }));
    await signIn(window, w.usher.username, w.usher.password);
    await until("the window to be closed", () => window.isClosed());
    await choose(page);
    await active(await settled(tab));
    assert.equal(await signIns(), before + 1);
  });

  it("after a sign-out the browser is told to ask its user the next time, where the app uses it", async () => {
    for (const [path, times] of [["/second", 1], ["/without", 0]] as const) {
      await open(tab, path);
      await tab.evaluate(() => {
        const { credentials } = navigator;
        Object.assign(window, { told: 0 });
        credentials.preventSilentAccess = async () => void (window as unknown as { told: number }).told++;
      });
      assert.equal((await call(tab, "assistant.logout()")).outcome, "resolved");
      assert.equal(await tab.evaluate("told"), times, path);
    }
  });

  it("a window at login_url that a page opens stays as it is: whether it closes would tell who is signed in", async () => {
    await signInFirstParty(tab);
    await tab.goto(app.bySecondAddress + "/without", { waitUntil: "load" });
    const popup = await popupOf(tab, () => tab.evaluate((url) => void window.open(url, "_blank", "popup"), `${w.usher.server}/authn/authentication/login`));
    await popup.waitForSelector("main[data-page=resolve]");
    await popup.evaluate("IdentityProvider.close()");
    assert.equal(await popup.evaluate("document.querySelector('h1').textContent"), "Go back to the app");
    await popup.close();
  });

  it("is never asked by an app that does not say so", async () => {
    await signInFirstParty(tab);
    const page = await open(tab, "/without");
    await start(tab, "assistant.loginIfRequired()");
    await visibleFrame(tab, w.usher.server);
    assert.deepEqual(page.shown, []);
  });
});
