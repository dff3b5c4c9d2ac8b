// Brings the browser to every page that a user can see; the tests look at each, and so does the command
// that takes pictures.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Frame, Page } from "puppeteer-core";
import { page, type Site } from "./site.ts";
import { fetchFrom } from "./usher.ts";
import { clickWhenReady, signIn, start, visibleFrame } from "./user.ts";
import { until } from "./wait.ts";
import { appPage, visit, type World } from "./world.ts";

export interface Shown {
  tab: Page;
  /** The frame that is meant, where it is not the tab's own page. */
  place: Page | Frame;
}

export type Pages = Record<string, () => Promise<Shown>>;

/** The pages by name, in an order in which none spoils the next. */
export async function allPages(w: World): Promise<Pages> {
  const app = await w.site({ "/form": page("Form", "") });
  await w.usher.client("theirs", [app.origin], "--name", "Somebody else's app", "--scope", "openid profile email", "--consent");
  app.pages["/"] = appPage(w.usher, { clientId: "theirs" });
  const devices = ["--capability", "assisted_token", "--capability", "device"];
  const links = join(mkdtempSync(join(tmpdir(), "usher-e2e-")), "client.json");
  writeFileSync(links, JSON.stringify({ client_uri: "https://app.example/", policy_uri: "https://app.example/policy", tos_uri: "https://app.example/terms" }));
  await w.usher.client("web", [app.origin], "--from", links, "--name", "A web app", "--scope", "openid profile", "--redirect-uri", `${app.origin}/form`,
    "--capability", "assisted_token", "--capability", "code");
  await w.usher.client("tv", [app.origin], "--name", "The app on your TV", "--scope", "openid profile email", ...devices);
  return { ...examplePages(w), ...signInPages(w, app), ...redirectPages(w, app), ...devicePages(w), ...endPages(w, app), ...throttled(w) };
}

/** Those that are there only where the browser keeps our first-party cookies from the frame; the world has to be one that does. */
export async function blockedPages(w: World): Promise<Pages> {
  const app = await w.site({});
  await w.usher.client("blocked", [app.origin], "--name", "An app");
  app.pages["/"] = appPage(w.usher, { clientId: "blocked" });
  app.pages["/window"] = appPage(w.usher, { clientId: "blocked", presentation: "popup" }).replace("<head>", `<head><meta name="color-scheme" content="light dark">`);
  const offered = async (tab: Page): Promise<Shown> => {
    await tab.goto(`${app.origin}/`);
    await start(tab, "assistant.login()");
    return { tab, place: await visibleFrame(tab, w.usher.server, "#continue") };
  };
  // A window whose opener is gone, and that knows no page of the app's to go on to: it shows its end.
  const window = async (): Promise<Page> =>
    visit(w, `${assisted(w, "blocked", app.origin)}&ticket_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM`);
  return {
    "dialog-continue": async () => offered(await w.session.fresh()),
    "dialog-window": async () => {
      const tab = await w.session.fresh();
      // As in a browser whose frames keep no cookie at all.
      await tab.evaluateOnNewDocument(() => Object.defineProperty(Document.prototype, "cookie", { get: () => "", set: () => undefined }));
      return offered(tab);
    },
    "window-asked": async () => {
      const tab = await visit(w, `${app.origin}/window`);
      // Without a click the browser opens none.
      await tab.evaluate(() => void (globalThis.open = () => null));
      await start(tab, "assistant.login()");
      await tab.waitForSelector(".usher-note");
      return whole(tab);
    },
    "window-signed-in": async () => {
      const tab = await window();
      await signIn(tab, w.usher.username, w.usher.password);
      await tab.waitForSelector("main[data-page=handover]");
      return whole(tab);
    },
    "window-cancelled": async () => {
      const tab = await window();
      await clickWhenReady(tab, "#cancel");
      await tab.waitForSelector("main[data-page=handover]");
      return whole(tab);
    },
  };
}

const whole = (tab: Page): Shown => ({ tab, place: tab });

/** An address of the server's that starts a sign-in as a page of its own. */
function assisted(w: World, client: string, origin: string): string {
  return `${w.usher.server}/oauth/v2/oauth-assisted-token?client_id=${client}&for_origin=${encodeURIComponent(origin)}`;
}

async function dialog(w: World): Promise<{ tab: Page; frame: Frame }> {
  const tab = await visit(w, w.usher.app);
  await tab.click("#getTokensWithPopup");
  return { tab, frame: await visibleFrame(tab, w.usher.server) };
}

function examplePages(w: World): Pages {
  return {
    example: async () => whole(await visit(w, w.usher.app)),
    "example-results": async () => {
      const { tab, frame } = await dialog(w);
      await signIn(frame, w.usher.username, w.usher.password);
      for (const [button, result] of [["getTokensWithPopup", 1], ["getResource", 2], ["getTokens", 3], ["stepUp", 6]] as const) {
        if (result > 1) await tab.click(`#${button}`);
        await tab.waitForSelector(`#result_${result}[data-outcome=resolved]`);
      }
      return whole(tab);
    },
    "example-error": async () => {
      const tab = await visit(w, w.usher.app);
      await tab.click("#getTokens");
      await tab.waitForSelector("#result_3[data-outcome=rejected]");
      return whole(tab);
    },
    "example-no-library": async () => {
      const tab = await w.session.fresh();
      await tab.setRequestInterception(true);
      tab.on("request", (request) => void (request.url().startsWith(w.usher.server) ? request.abort() : request.continue()));
      await tab.goto(w.usher.app);
      await tab.waitForSelector("#notice:not([hidden])");
      return whole(tab);
    },
    "dialog-app": async () => whole((await dialog(w)).tab),
    "dialog-sign-in": async () => {
      const { tab, frame } = await dialog(w);
      return { tab, place: frame };
    },
    "dialog-wrong-password": async () => {
      const { tab, frame } = await dialog(w);
      await signIn(frame, w.usher.username, "not the password");
      return { tab, place: await visibleFrame(tab, w.usher.server, "[role=alert]") };
    },
  };
}

function signInPages(w: World, app: Site): Pages {
  const offered = async (): Promise<{ tab: Page; frame: Frame }> => {
    const tab = await visit(w, `${app.origin}/`);
    await start(tab, "assistant.login()");
    return { tab, frame: await visibleFrame(tab, w.usher.server, "#continue") };
  };
  return {
    "sign-in": async () => {
      const tab = await visit(w, assisted(w, "client-assisted-example", w.usher.app));
      await tab.waitForSelector("#username");
      return whole(tab);
    },
    "sign-in-wrong-password": async () => {
      const tab = await visit(w, assisted(w, "client-assisted-example", w.usher.app));
      await signIn(tab, w.usher.username, "not the password");
      await tab.waitForSelector("[role=alert]");
      return whole(tab);
    },
    "continue-in-window": async () => {
      const { tab, frame } = await offered();
      return { tab, place: frame };
    },
    consent: async () => {
      const tab = await visit(w, assisted(w, "theirs", app.origin));
      await signIn(tab, w.usher.username, w.usher.password);
      await tab.waitForSelector("button[name=decision]");
      return whole(tab);
    },
    done: async () => {
      // Opened by nobody, and without a page of the app's to go on to, it shows its end.
      const { body } = await fetchFrom(w.usher, assisted(w, "theirs", app.origin), { headers: { "Sec-Fetch-Dest": "iframe" } });
      const address = w.usher.server + (/data-open="([^"]+)"/.exec(body)?.[1]?.replaceAll("&amp;", "&") ?? "");
      const own = await visit(w, address);
      await signIn(own, w.usher.username, w.usher.password);
      await clickWhenReady(own, "button[value=allow]");
      await own.waitForSelector("main[data-page=done]");
      return whole(own);
    },
  };
}

/** The pages of the authorization endpoint. */
function redirectPages(w: World, app: Site): Pages {
  const authorize = (more: Record<string, string>): string => {
    const query = new URLSearchParams({
      client_id: "web", redirect_uri: `${app.origin}/form`, response_type: "code", scope: "openid profile",
      code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", code_challenge_method: "S256", ...more,
    });
    return `${w.usher.server}/oauth/v2/oauth-authorize?${query}`;
  };
  const signedIn = async (more: Record<string, string>, wait: string): Promise<Shown> => {
    const tab = await visit(w, authorize(more));
    await signIn(tab, w.usher.username, w.usher.password);
    await tab.waitForSelector(wait);
    return whole(tab);
  };
  return {
    "redirect-sign-in": async () => whole(await visit(w, authorize({}))),
    "redirect-consent": () => signedIn({ prompt: "consent" }, "main[data-page=consent]"),
    "choose-account": async () => {
      const tab = await visit(w, authorize({}));
      await signIn(tab, w.usher.username, w.usher.password);
      await until("the app's own page", () => tab.url().startsWith(`${app.origin}/form`));
      await tab.goto(authorize({ prompt: "select_account" }));
      await tab.waitForSelector("main[data-page=account]");
      return whole(tab);
    },
    "bad-redirect": async () => whole(await visit(w, authorize({ redirect_uri: "https://elsewhere.example/" }))),
  };
}

function devicePages(w: World): Pages {
  const userCode = async (): Promise<string> => {
    const { body } = await fetchFrom(w.usher, `${w.usher.server}/oauth/v2/oauth-device-authorization`, { method: "POST", body: "client_id=tv" });
    return (JSON.parse(body) as { user_code: string }).user_code;
  };
  const enter = async (code: string): Promise<Page> => {
    const tab = await visit(w, `${w.usher.server}/device?user_code=${code}`);
    await Promise.all([tab.waitForNavigation(), tab.click("main[data-page=device] button")]);
    return tab;
  };
  const asked = async (): Promise<Page> => {
    const tab = await enter(await userCode());
    await signIn(tab, w.usher.username, w.usher.password);
    await tab.waitForSelector("main[data-page=device-consent]");
    return tab;
  };
  return {
    device: async () => whole(await visit(w, `${w.usher.server}/device?user_code=${await userCode()}`)),
    "device-wrong-code": async () => whole(await enter("BCDF-GHJK")),
    "device-consent": async () => whole(await asked()),
    "device-connected": async () => {
      const tab = await asked();
      await Promise.all([tab.waitForNavigation(), tab.click("button[value=allow]")]);
      return whole(tab);
    },
  };
}

function endPages(w: World, app: Site): Pages {
  const signedIn = async (): Promise<Page> => {
    const tab = await visit(w, w.usher.app);
    await tab.click("#getTokensWithPopup");
    await signIn(await visibleFrame(tab, w.usher.server), w.usher.username, w.usher.password);
    await tab.waitForSelector("#result_1[data-outcome=resolved]");
    return tab;
  };
  const at = async (path: string): Promise<Shown> => whole(await visit(w, w.usher.server + path));
  return {
    "sign-out": async () => {
      const tab = await signedIn();
      await tab.goto(`${w.usher.server}/oauth/v2/oauth-session/logout`);
      return whole(tab);
    },
    "signed-out": async () => {
      const tab = await signedIn();
      await tab.goto(`${w.usher.server}/oauth/v2/oauth-session/logout`);
      await Promise.all([tab.waitForNavigation(), tab.click("form#logout button")]);
      return whole(tab);
    },
    "sign-in-for-no-app": () => at("/authn/authentication/login"),
    "signed-in-for-no-app": async () => {
      const tab = await visit(w, `${w.usher.server}/authn/authentication/login`);
      await signIn(tab, w.usher.username, w.usher.password);
      await tab.waitForSelector("main[data-page=resolve]");
      return whole(tab);
    },
    "answer-without-app": async () => {
      const tab = await signedIn();
      await tab.goto(`${assisted(w, "client-assisted-example", w.usher.app)}&prompt=none`);
      return whole(tab);
    },
    "unknown-client": () => at("/oauth/v2/oauth-assisted-token?client_id=nobody"),
    "unknown-origin": async () => whole(await visit(w, assisted(w, "theirs", "https://elsewhere.example"))),
    "no-way-back": () => at("/authn/anonymous/preflight?return_to=https%3A%2F%2Felsewhere.example%2F"),
    "no-such-page": () => at("/nothing/here"),
    home: () => at("/"),
    "foreign-form": async () => {
      const tab = await visit(w, `${app.origin}/form`);
      await Promise.all([
        tab.waitForNavigation(),
        tab.evaluate((action) => {
          const form = document.createElement("form");
          form.method = "post";
          form.action = action;
          document.body.append(form);
          form.submit();
        }, `${w.usher.server}/authn/authentication/password`),
      ]);
      return whole(tab);
    },
  };
}

function throttled(w: World): Pages {
  return {
    throttled: async () => {
      const tab = await visit(w, assisted(w, "client-assisted-example", w.usher.app));
      for (let guess = 0; guess < 60; guess++) {
        await tab.waitForSelector("#password");
        await tab.evaluate((n) => {
          document.querySelector<HTMLInputElement>("#username")!.value = "somebody";
          document.querySelector<HTMLInputElement>("#password")!.value = `guess ${n}`;
        }, guess);
        const [response] = await Promise.all([tab.waitForNavigation(), tab.click("form button[type=submit]")]);
        if (response?.status() === 429) return whole(tab);
      }
      throw new Error("sixty wrong guesses are still not too many");
    },
  };
}

