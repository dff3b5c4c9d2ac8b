// One test for each sentence that the browser library promises to apps, by its words. Where another file
// has the test, the sentence names it, and that it is there is checked.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { ConsoleMessage, Page } from "puppeteer-core";
import { page, type Site } from "../harness/site.ts";
import { call, settled, showsFrame, signIn, start, visibleFrame } from "../harness/user.ts";
import { introspect } from "../harness/usher.ts";
import { until } from "../harness/wait.ts";
import { appPage, LIBRARY, signInBy, visit, world, type World } from "../harness/world.ts";

let w: World;
let app: Site;
let api: Site;

before(async () => {
  w = await world();
  app = await w.site({
    "/echo": (request, response) => response.end(JSON.stringify({ authorization: request.headers.authorization ?? null })),
  });
  // An API at another origin that lets every page read what it was sent.
  api = await w.site({
    "/echo": (request, response) => {
      response.setHeader("Access-Control-Allow-Origin", "*");
      response.setHeader("Access-Control-Allow-Headers", "Authorization");
      response.end(request.method === "OPTIONS" ? "" : JSON.stringify({ authorization: request.headers.authorization ?? null }));
    },
  });
  await w.usher.client("contract", [app.origin], "--scope", "openid profile read");
  await w.usher.client("brief", [app.origin], "--scope", "openid", "--lifetime", "10");
});
after(() => w.close());

/** A fresh tab with an app that has one assistant with these settings. */
async function open(settings: Record<string, unknown> = {}): Promise<Page> {
  app.pages["/"] = appPage(w.usher, { clientId: "contract", ...settings });
  return visit(w, `${app.origin}/`);
}

/** The same, with jQuery 3 before the library. */
async function openWithJQuery(settings: Record<string, unknown>): Promise<Page> {
  app.pages["/"] = appPage(w.usher, { clientId: "contract", ...settings }).replace("<script", '<script src="/jquery.js"></script><script');
  return visit(w, `${app.origin}/`);
}

const type = async (tab: Page): Promise<void> => signIn(await visibleFrame(tab, w.usher.server), w.usher.username, w.usher.password);

async function openSignedIn(settings: Record<string, unknown> = {}): Promise<{ tab: Page; token: string }> {
  const tab = await open(settings);
  const { outcome, value } = await signInBy(w, tab);
  assert.equal(outcome, "resolved", JSON.stringify(value));
  return { tab, token: String(value["token"]) };
}

/** What an app's XMLHttpRequest was sent as Authorization, told by the echo at the address. */
function echoed(tab: Page, url: string, header?: string): Promise<string | null> {
  return tab.evaluate(
    (address, own) =>
      new Promise<string | null>((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open("GET", address);
        if (own) request.setRequestHeader("Authorization", own);
        request.onload = () => resolve((JSON.parse(request.responseText) as { authorization: string | null }).authorization);
        request.onerror = () => reject(new Error("request failed"));
        request.send();
      }),
    url,
    header,
  );
}

const sentence = it;

/** The sentence is proved by a test of another file. */
function provedBy(words: string, file: string, title: string): void {
  it(words, () => {
    const text = readFileSync(join(import.meta.dirname, file), "utf8");
    assert.ok(text.includes(title), `${file} has no test "${title}"`);
  });
}

describe("the library and its globals", () => {
  sentence("Loaded by a <script> tag, at page load or added later by the app's own script; it must work both ways, must find the server from where it was loaded", async () => {
    app.pages["/late"] = page("Late", "<h1>Late</h1>");
    for (const name of ["assisted-token.min.js", "assisted-token.js"]) {
      const tab = await visit(w, `${app.origin}/late`);
      await tab.evaluate(
        (src) =>
          new Promise<void>((resolve) => {
            const script = document.createElement("script");
            script.src = src;
            script.onload = () => resolve();
            document.head.append(script);
          }),
        w.usher.server + LIBRARY.replace("assisted-token.min.js", name),
      );
      assert.equal(await tab.evaluate("curity.token.constants.hostUrl"), w.usher.server);
    }
    const tab = await open();
    assert.equal(await tab.evaluate("curity.token.constants.hostUrl"), w.usher.server);
  });

  sentence("curity.token.assistant(settings) -> an assistant. The same object is also there under this project's own name.", async () => {
    const tab = await open();
    assert.equal(await tab.evaluate("typeof assistant.loginIfRequired"), "function");
    assert.equal(await tab.evaluate("curity === usher"), true);
  });

  sentence("curity.debug = true prints what the library does to the console; tokens are never printed.", async () => {
    const tab = await open();
    const printed: string[] = [];
    tab.on("console", (message: ConsoleMessage) => printed.push(message.text()));
    await tab.evaluate("curity.debug = true");
    const { value } = await signInBy(w, tab, "assistant.loginIfRequired({scope: 'openid'})");
    await call(tab, "assistant.fetchTokens()");
    assert.ok(printed.some((line) => line.startsWith("usher:")), "something is printed");
    for (const secret of [value["token"], value["id_token"]]) {
      assert.ok(secret);
      assert.ok(!printed.some((line) => line.includes(String(secret).slice(-20))), "no token is printed");
    }
  });

  sentence("curity.token.constants: hostUrl, token_endpoint (the assisted token endpoint), authentication_endpoint, revoke_endpoint, logout_endpoint", async () => {
    const tab = await open();
    const at = w.usher.server;
    assert.deepEqual(await tab.evaluate("({...curity.token.constants})"), {
      hostUrl: at,
      token_endpoint: `${at}/oauth/v2/oauth-assisted-token`,
      authentication_endpoint: `${at}/authn/authentication`,
      revoke_endpoint: `${at}/oauth/v2/oauth-revoke`,
      logout_endpoint: `${at}/oauth/v2/oauth-session/logout`,
    });
  });

  sentence("curity appears in one step, with token.assistant complete: apps poll for window.curity and call it at once.", async () => {
    app.pages["/watch"] = page("Watching", "", w.usher.server + LIBRARY).replace(
      "<body>",
      `<body><script>window.steps = [];
        Object.defineProperty(window, "curity", { configurable: true, get: () => window.kept, set: (v) => { steps.push(typeof v?.token?.assistant); window.kept = v; } });</script>`,
    );
    const tab = await visit(w, `${app.origin}/watch`);
    assert.deepEqual(await tab.evaluate("steps"), ["function"]);
  });

  sentence("The preflight script never defines curity.", async () => {
    app.pages["/preflight"] = page("Preflight", "", `${w.usher.server}/authn/anonymous/resources/js/preflight.min.js`);
    const tab = await visit(w, `${app.origin}/preflight`);
    assert.equal(await tab.evaluate("typeof usherPreflight"), "function");
    assert.equal(await tab.evaluate("typeof window.curity"), "undefined");
  });

  sentence("The library works under a strict app CSP (no inline style attributes, no eval)", async () => {
    const at = w.usher.server;
    const csp = `default-src 'none'; script-src 'self' ${at}; connect-src 'self' ${at}; frame-src ${at}; style-src 'self'; img-src data:; base-uri 'none'`;
    const strict = await w.site(
      {
        "/": page("Strict", "<button>Here</button>", at + LIBRARY, "/app.js"),
        "/app.js": `window.assistant = curity.token.assistant({clientId: "strict", iframeSettings: {width: "400", style: "border: 1px solid"}, backdropSettings: {style: "opacity: .9"}, closeButtonSettings: {style: "top: 0", wrapperStyle: "right: 0", button: "<button style='color: red'>Close</button>"}});`,
      },
      { headers: { "Content-Security-Policy": csp } },
    );
    await w.usher.client("strict", [strict.origin], "--scope", "openid");
    const tab = await visit(w, strict.origin);
    assert.equal((await signInBy(w, tab)).outcome, "resolved");
    assert.equal((await call(tab, "assistant.fetchTokens()")).outcome, "resolved");
    assert.equal((await call(tab, "assistant.logout()")).outcome, "resolved");
    assert.deepEqual(w.session.violations, []);
  });
});

describe("settings", () => {
  sentence("clientId: required; a missing one throws at once, saying so", async () => {
    const tab = await open();
    const said = await tab.evaluate("try { curity.token.assistant({}); '' } catch (e) { e.message }");
    assert.match(String(said), /clientId/);
  });

  sentence("scope: string; default scope for every request", async () => {
    const { tab } = await openSignedIn({ scope: "read" });
    assert.equal(await tab.evaluate("assistant.getAdditionalData().scope"), "read");
    assert.equal((await call(tab, "assistant.fetchTokens()")).value["scope"], "read");
  });

  sentence("for_origin: default: the page's own origin", async () => {
    const tab = await open();
    const asked = tab.waitForRequest((request) => request.url().includes("oauth-assisted-token?"));
    await call(tab, "assistant.fetchTokens()");
    assert.equal(new URL((await asked).url()).searchParams.get("for_origin"), app.origin);
  });

  sentence("autoPrepareJqueryAjax: true: every same-origin jQuery request gets the token", async () => {
    const tab = await openWithJQuery({ autoPrepareJqueryAjax: true });
    const { value } = await signInBy(w, tab);
    const get = async (url: string): Promise<unknown> => (await call(tab, `$.getJSON(${JSON.stringify(url)})`)).value["authorization"];
    assert.equal(await get("/echo"), `Bearer ${String(value["token"])}`);
    assert.equal(await get(`${api.origin}/echo`), null, "another origin gets nothing");
  });

  sentence("autoPrepareJqueryAjaxForOrigins: a same-origin one is matched by its path form; //evil.example/api or /\\evil.example do not match; any other only by its absolute form, and only by a pattern that begins with a literal scheme and host", async () => {
    const tab = await openWithJQuery({ autoPrepareJqueryAjaxForOrigins: ["^/.*$"] });
    await signInBy(w, tab);
    const get = async (url: string): Promise<unknown> => (await call(tab, `$.getJSON(${JSON.stringify(url)})`)).value["authorization"];
    assert.match(String(await get("/echo")), /^Bearer /);
    assert.match(String(await get(`${app.origin}/echo`)), /^Bearer /);
    const elsewhere = `localhost:${api.port}/echo`;
    for (const url of [`//${elsewhere}`, `/\\${elsewhere}`, `\\\\${elsewhere}`, `http://${elsewhere}`, `/\t/${elsewhere}`]) {
      assert.equal(await get(url), null, url);
      assert.equal(await echoed(tab, url), null, url);
    }
    const loose = await openWithJQuery({ autoPrepareJqueryAjaxForOrigins: [".*", "^http", "localhost", `^https?://localhost:${api.port}/`] });
    await signInBy(w, loose);
    assert.equal(await echoed(loose, `http://${elsewhere}`), null, "no pattern there begins with a literal scheme and host");
    const named = await openWithJQuery({ autoPrepareJqueryAjaxForOrigins: [`^${api.origin}/echo$`] });
    await signInBy(w, named);
    assert.match(String(await echoed(named, `${api.origin}/echo`)), /^Bearer /);
    assert.equal(await echoed(named, `${api.origin}/echo?x`), null, "the pattern is the whole rule");
    assert.equal(await echoed(named, "/echo"), null, "the page's own origin is not named");
  });

  sentence("iframeSettings: width, height (strings, px), style, targetElementId", async () => {
    const tab = await open({ iframeSettings: { width: "333", height: "555", style: "border-top: 2px solid red" } });
    await start(tab, "assistant.login()");
    await visibleFrame(tab, w.usher.server);
    const frame = await tab.$eval("dialog iframe", (e) => {
      const style = getComputedStyle(e);
      return [style.width, style.height, style.borderTopWidth];
    });
    assert.deepEqual(frame, ["333px", "555px", "2px"]);
    const embedded = await open({ iframeSettings: { targetElementId: "here" } });
    await embedded.evaluate(() => document.body.insertAdjacentHTML("beforeend", '<div id="here"></div>'));
    await start(embedded, "assistant.login()");
    await type(embedded);
    assert.equal((await settled(embedded)).outcome, "resolved");
    assert.equal(await embedded.$eval("#here", (e) => e.childElementCount), 0, "nothing is left in the element");
  });

  sentence("backdropSettings: visible (true, false, or 'static': a click on it does not close), backdropClass, style", async () => {
    const shown = async (backdropSettings: object): Promise<Page> => {
      const tab = await open({ backdropSettings });
      await start(tab, "assistant.login()");
      await visibleFrame(tab, w.usher.server);
      return tab;
    };
    const fixed = await shown({ visible: "static", backdropClass: "mine", style: "opacity: 0.5" });
    assert.equal(await fixed.$eval("dialog .mine", (e) => getComputedStyle(e).opacity), "0.5");
    await fixed.mouse.click(3, 3);
    await type(fixed);
    assert.equal((await settled(fixed)).outcome, "resolved", "the click did not close it");
    const none = await shown({ visible: false });
    assert.equal(await none.$("dialog .usher-backdrop"), null);
    const usual = await shown({});
    await usual.mouse.click(3, 3);
    assert.equal((await settled(usual)).value["error"], "access_denied");
  });

  sentence("closeButtonSettings: visible, style, wrapperStyle, wrapperClass, button (HTML of the button)", async () => {
    const shown = async (closeButtonSettings: object): Promise<Page> => {
      const tab = await open({ closeButtonSettings });
      await start(tab, "assistant.login()");
      await visibleFrame(tab, w.usher.server);
      return tab;
    };
    const own = await shown({
      style: "outline: 3px solid red",
      wrapperStyle: "left: 7px",
      wrapperClass: "wrapped",
      button: "<button class='own' onclick='window.hacked = true'>Enough</button>",
    });
    assert.equal(await own.$eval(".wrapped .own", (e) => e.textContent), "Enough");
    assert.equal(await own.$eval(".own", (e) => getComputedStyle(e).outlineWidth), "3px");
    assert.equal(await own.$eval(".wrapped", (e) => getComputedStyle(e).left), "7px");
    await own.click(".own");
    assert.equal((await settled(own)).value["error"], "access_denied");
    assert.equal(await own.evaluate("window.hacked"), undefined);
    const none = await shown({ visible: false });
    assert.equal(await none.$("dialog button"), null);
  });
});

describe("methods", () => {
  sentence("Methods of an assistant are its own enumerable properties (an app tests Object.keys(assistant).length).", async () => {
    const tab = await open();
    const names = (await tab.evaluate("Object.keys(assistant)")) as string[];
    const wanted = "loginIfRequired fetchTokens fetchTokensOrLogin login logout revokeTokens getAuthHeader getAdditionalData isAuthenticated isExpired prepareJQuery";
    for (const name of wanted.split(" ")) assert.ok(names.includes(name), name);
  });

  sentence("Those that return a promise return one that has then, catch, finally and also fail, done and always as jQuery's promises do, on every link of the chain", async () => {
    const tab = await open();
    const missing = await tab.evaluate(async () => {
      const { assistant } = window as unknown as { assistant: Record<string, () => Record<string, (f?: () => void) => unknown>> };
      const links = ["then", "catch", "finally", "fail", "done", "always"];
      const lacking: string[] = [];
      const quiet = (): void => undefined;
      for (const method of ["fetchTokens", "revokeTokens", "logout"]) {
        const first = assistant[method]!();
        const walk = (link: Record<string, (f?: () => void) => unknown>, depth: number, path: string): void => {
          for (const name of links) {
            if (typeof link[name] !== "function") lacking.push(`${path}.${name}`);
            else if (depth > 0) walk(link[name](quiet) as typeof link, depth - 1, `${path}.${name}`);
          }
          (link["catch"] as (f: () => void) => void)(quiet);
        };
        walk(first, 2, method);
      }
      return lacking;
    });
    assert.deepEqual(missing, []);
    const order = await tab.evaluate(
      () =>
        new Promise((resolve) => {
          const seen: string[] = [];
          const { assistant } = window as unknown as { assistant: { fetchTokens(): JQuery } };
          interface JQuery {
            then(f: () => void): JQuery;
            fail(f: (e: { error: string }) => void): JQuery;
            done(f: () => void): JQuery;
            always(f: () => void): JQuery;
          }
          assistant
            .fetchTokens()
            .then(() => void seen.push("then"))
            .done(() => void seen.push("done"))
            .fail((e) => void seen.push(e.error))
            .always(() => resolve(seen));
        }),
    );
    assert.deepEqual(order, ["interaction_required"]);
  });

  sentence("loginIfRequired: a token that is still good (unexpired, covers the asked scope, and no force_auth, prompt or max_age is asked) resolves at once; else the hidden request; else the visible sign-in. Resolves with {token, expires, ...} (expires: epoch seconds)", async () => {
    const { tab, token } = await openSignedIn();
    const asked: string[] = [];
    tab.on("request", (request) => {
      if (request.url().includes("oauth-assisted-token?")) asked.push(request.url());
    });
    const held = await call(tab, "assistant.loginIfRequired({scope: 'openid'})");
    assert.equal(held.value["token"], token);
    assert.deepEqual(asked, []);
    const { value } = await call(tab, "assistant.loginIfRequired({max_age: 600})");
    assert.notEqual(value["token"], token);
    assert.equal(asked.length, 1, "a hidden request, and no more");
    assert.equal(await showsFrame(tab), false);
    const now = Date.now() / 1000;
    assert.ok(Number.isInteger(value["expires"]) && Number(value["expires"]) > now && Number(value["expires"]) < now + 86_400);
    await start(tab, "assistant.loginIfRequired({prompt: 'login'})");
    await type(tab);
    assert.equal((await settled(tab)).outcome, "resolved");
  });

  sentence("fetchTokens: the hidden request alone; rejects when the user would have to act", async () => {
    const tab = await open();
    const { outcome, value } = await call(tab, "assistant.fetchTokens()");
    assert.equal(outcome, "rejected");
    assert.equal(value["error"], "interaction_required");
    assert.equal(await tab.$("iframe, dialog"), null);
  });

  sentence("fetchTokensOrLogin: older name: true asks the server even if a token is held", async () => {
    const tab = await open();
    const { value: first } = await signInBy(w, tab, "assistant.fetchTokensOrLogin()");
    const { value: held } = await call(tab, "assistant.fetchTokensOrLogin()");
    assert.equal(held["token"], first["token"]);
    const { value: other } = await call(tab, "assistant.fetchTokensOrLogin(true)");
    assert.notEqual(other["token"], first["token"]);
  });

  sentence("login: the visible sign-in; {force_auth: true} forces re-authentication; {scope: '...'} asks for that scope", async () => {
    const { tab } = await openSignedIn();
    await start(tab, "assistant.login({force_auth: true, scope: 'openid'})");
    await type(tab);
    const { value } = await settled(tab);
    assert.equal(value["scope"], "openid");
    assert.ok(value["id_token"]);
    const shown = await call(tab, "assistant.login({scope: 'read'})");
    assert.equal(shown.value["scope"], "read", "with a session at hand the visible request needs no password");
  });

  sentence("logout: revokes the tokens, then ends the SSO session: two requests; resolves when both are done, and also when nobody was signed in", async () => {
    const { tab, token } = await openSignedIn();
    const asked: string[] = [];
    tab.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (/oauth-revoke|logout/.test(pathname) && request.method() !== "OPTIONS") asked.push(`${request.method()} ${pathname}`);
      assert.ok(!request.url().includes(token), "no token in an address");
    });
    assert.equal((await call(tab, "assistant.logout()")).outcome, "resolved");
    assert.equal(asked[0], "POST /oauth/v2/oauth-revoke");
    assert.equal(asked[1], "GET /oauth/v2/oauth-session/logout");
    assert.equal((await introspect(w.usher, token))["active"], false);
    assert.equal((await call(tab, "assistant.fetchTokens()")).value["error"], "interaction_required");
    assert.equal((await call(tab, "assistant.logout()")).outcome, "resolved");
  });

  provedBy("logout works where no cookie arrives", "blocked.test.ts", "logout by the token alone makes it inactive and ends the session");

  sentence("the second request is a hidden frame with client_id and for_origin only; the library posts the token to it", async () => {
    const { tab } = await openSignedIn();
    const framed = tab.waitForRequest((request) => request.url().includes("/logout?"));
    await call(tab, "assistant.logout()");
    assert.deepEqual([...new URL((await framed).url()).searchParams.keys()].sort(), ["client_id", "for_origin"]);
  });

  sentence("revokeTokens: revokes and forgets the tokens; the SSO session stays", async () => {
    const { tab, token } = await openSignedIn();
    assert.equal((await call(tab, "assistant.revokeTokens()")).outcome, "resolved");
    assert.equal((await introspect(w.usher, token))["active"], false);
    assert.equal(await tab.evaluate("assistant.isAuthenticated()"), false);
    assert.equal((await call(tab, "assistant.fetchTokens()")).outcome, "resolved");
  });

  sentence('getAuthHeader: "Bearer <token>", or an empty string', async () => {
    const tab = await open();
    assert.equal(await tab.evaluate("assistant.getAuthHeader()"), "");
    const { value } = await signInBy(w, tab);
    assert.equal(await tab.evaluate("assistant.getAuthHeader()"), `Bearer ${String(value["token"])}`);
  });

  sentence("getAdditionalData: every field of the success message that is not the token itself: subject, sub, scope, id_token, ...", async () => {
    const { tab, token } = await openSignedIn();
    const data = (await tab.evaluate("assistant.getAdditionalData()")) as Record<string, unknown>;
    for (const name of ["subject", "sub", "scope", "id_token"]) assert.ok(data[name], name);
    assert.equal(data["subject"], data["sub"]);
    assert.ok(!Object.values(data).includes(token));
  });

  sentence("prepareJQuery($): attach to this jQuery", async () => {
    const tab = await openWithJQuery({});
    await signInBy(w, tab);
    const get = async (): Promise<unknown> => (await call(tab, "$.getJSON('/echo')")).value["authorization"];
    assert.equal(await get(), null, "nothing is attached without being asked");
    await tab.evaluate("assistant.prepareJQuery($)");
    assert.match(String(await get()), /^Bearer /);
  });
});

describe("rejections", () => {
  sentence("Rejections are objects with error and error_description (and error_code, equal to error).", async () => {
    const tab = await open();
    const { value } = await call(tab, "assistant.fetchTokens()");
    assert.equal(value["error"], "interaction_required");
    assert.equal(value["error_code"], "interaction_required");
    assert.ok(String(value["error_description"]).length > 10);
  });

  sentence("A scope that the client does not have is invalid_scope", async () => {
    const { tab } = await openSignedIn();
    assert.equal((await call(tab, "assistant.loginIfRequired({scope: 'email'})")).value["error"], "invalid_scope");
  });

  provedBy("Closing the dialog rejects with access_denied.", "examples.test.ts", "a closed dialog rejects with access_denied and leaves nothing behind");
});

describe("behaviour that the tutorials describe", () => {
  sentence("Tokens live in memory only.", async () => {
    const { tab, token } = await openSignedIn();
    const kept = await tab.evaluate(async () => ({
      local: { ...localStorage },
      session: { ...sessionStorage },
      // The server is on the same host here, and ports do not separate cookies; this one is for its check_session_iframe.
      cookie: document.cookie.replace(/__Host-usher-browser-state=[0-9a-f]{64}/, ""),
      databases: (await indexedDB.databases()).length,
      caches: (await caches.keys()).length,
      name: window.name,
    }));
    assert.ok(!JSON.stringify(kept).includes(token));
    // What it keeps of a client is that there was a user, and where their session is found again: a word, no secret.
    const [client = "", where] = Object.entries(kept.local)[0] ?? [];
    assert.deepEqual([client.startsWith(`usher ${w.usher.server} `), where], [true, "frame"]);
    assert.deepEqual({ ...kept, local: Object.keys(kept.local).length }, { local: 1, session: {}, cookie: "", databases: 0, caches: 0, name: "" });
  });

  provedBy("A reload is mended without a prompt", "examples.test.ts", "a reload is mended silently");
  provedBy("a second tab is mended without a prompt", "examples.test.ts", "a second tab signs in silently, and a logout in one ends the session for both");

  // Ten seconds is the shortest lifetime that the server lets an operator set, so one wait serves both.
  sentence("isAuthenticated: a token is held; isExpired: no token is held, or its lifetime is over; an expired token is mended by fetchTokens/loginIfRequired through the SSO session, without a prompt", async () => {
    const tab = await open({ clientId: "brief" });
    const state = async (): Promise<boolean[]> => (await tab.evaluate("[assistant.isAuthenticated(), assistant.isExpired()]")) as boolean[];
    assert.deepEqual(await state(), [false, true]);
    const token = String((await signInBy(w, tab)).value["token"]);
    assert.deepEqual(await state(), [true, false]);
    await until("the server to call the token inactive", async () => (await introspect(w.usher, token))["active"] === false, 15_000);
    // The page counts from when the token arrived, the server from when it was made.
    await until("the page to call it expired, and to hold it still", async () => (await state()).every(Boolean));
    const { outcome, value } = await call(tab, "assistant.loginIfRequired()");
    assert.equal(outcome, "resolved");
    assert.notEqual(value["token"], token);
    assert.equal(await showsFrame(tab), false);
    assert.equal((await introspect(w.usher, String(value["token"])))["active"], true);
  });

  sentence("The bearer token is added to the app's own requests (jQuery, and XMLHttpRequest beneath it); once, and never where the request already has an Authorization header.", async () => {
    const { tab, token } = await openSignedIn({ autoPrepareJqueryAjaxForOrigins: ["^/.*$"] });
    assert.equal(await echoed(tab, "/echo"), `Bearer ${token}`);
    assert.equal(await echoed(tab, "/echo", "Basic b3du"), "Basic b3du");
    assert.equal(await echoed(tab, `${api.origin}/echo`), null);
  });

  provedBy("A message is believed only if its origin is the server's", "hostile.test.ts", "a stranger that got hold of the very frame: the source is right, the origin is not");
  provedBy("and its source is the very frame or window that the library opened.", "hostile.test.ts", "another frame of the server: the origin is right, the source is not");

  sentence("One renewal at a time: calls that ask for the same thing at once share one hidden request and one token", async () => {
    const { tab } = await openSignedIn();
    const asked: string[] = [];
    tab.on("request", (request) => {
      if (request.url().includes("oauth-assisted-token?")) asked.push(request.url());
    });
    const all = await call(tab, "Promise.all([1, 2, 3, 4].map(() => assistant.fetchTokens())).then((all) => ({ tokens: all.map((t) => t.token) }))");
    assert.equal(all.outcome, "resolved");
    assert.equal(new Set(all.value["tokens"] as string[]).size, 1);
    assert.equal(asked.length, 1);
  });

  sentence('The frame has allow="publickey-credentials-get; publickey-credentials-create; storage-access; identity-credentials-get".', async () => {
    const tab = await open();
    await start(tab, "assistant.login()");
    await visibleFrame(tab, w.usher.server);
    const allow = await tab.$eval("dialog iframe", (e) => (e as HTMLIFrameElement).allow);
    assert.equal(allow, "publickey-credentials-get; publickey-credentials-create; storage-access; identity-credentials-get");
  });

  sentence("When a hidden request times out, the error and the console say what to look at: is this page's origin among the client's allowed origins, is the server's certificate trusted, is the app's CSP in the way?", async () => {
    const tab = await open({ clientId: "nobody" });
    const printed: string[] = [];
    tab.on("console", (message: ConsoleMessage) => printed.push(message.text()));
    // The ten seconds of patience pass quickly in this page.
    await tab.evaluate(() => {
      const { setTimeout: real } = window;
      window.setTimeout = ((work: () => void, ms?: number) => real(work, (ms ?? 0) / 20)) as typeof setTimeout;
    });
    const { outcome, value } = await call(tab, "assistant.fetchTokens()");
    assert.equal(outcome, "rejected");
    for (const text of [String(value["error_description"]), printed.join("\n")]) {
      for (const hint of [app.origin, /allowed origins/, /certificate/, /Content-Security-Policy/]) assert.match(text, new RegExp(hint));
    }
  });

  sentence("The dialog is a modal: it is labelled for screen readers", async () => {
    const tab = await open();
    await start(tab, "assistant.login()");
    await visibleFrame(tab, w.usher.server);
    const names = await tab.evaluate(() => ({
      modal: document.querySelector("dialog")?.matches(":modal"),
      dialog: document.querySelector("dialog")?.getAttribute("aria-label"),
      frame: document.querySelector<HTMLIFrameElement>("dialog iframe")?.title,
      button: document.querySelector("dialog button")?.getAttribute("aria-label"),
    }));
    assert.deepEqual(names, { modal: true, dialog: "Sign in", frame: "Sign in", button: "Close" });
  });

  provedBy("it traps focus", "examples.test.ts", "the keyboard alone signs in, and Tab never leaves the dialog");
  provedBy("Escape and the close button close it", "examples.test.ts", "Escape inside the frame");
  provedBy("and it fills a small screen", "examples.test.ts", "at 360 px the dialog fills the screen and nothing scrolls sideways");
});
