// Pages of others: they can show nothing of the server, hear nothing from it, and tell an app nothing.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Page } from "puppeteer-core";
import { page, type Site } from "../harness/site.ts";
import { call, clickWhenReady, popupOf, settled, signIn, start, visibleFrame } from "../harness/user.ts";
import { fetchFrom, introspect } from "../harness/usher.ts";
import { until } from "../harness/wait.ts";
import { appPage, signInBy, visit, world, type World } from "../harness/world.ts";

let w: World;
let app: Site;
let evil: Site;

const HEARD = `<script>window.heard = []; addEventListener("message", (e) => heard.push({ origin: e.origin, data: e.data }));</script>`;

before(async () => {
  w = await world({ expectViolations: true });
  app = await w.site({});
  evil = await w.site({ "/": page("Somebody else", HEARD) });
  await w.usher.client("victim", [app.origin]);
  app.pages["/"] = appPage(w.usher, { clientId: "victim" });
  app.pages["/other"] = page("Another page of the app's origin", "");
});
after(() => w.close());

/** The assisted token endpoint's address for the victim's client. */
function assisted(forOrigin: string, more = ""): string {
  return `${w.usher.server}/oauth/v2/oauth-assisted-token?client_id=victim&for_origin=${encodeURIComponent(forOrigin)}${more}`;
}

const logoutAddress = (): string =>
  `${w.usher.server}/oauth/v2/oauth-session/logout?client_id=victim&for_origin=${encodeURIComponent(app.origin)}`;

/** A tab whose browser has a session of the victim's user; the app's page is shown. */
async function victim(): Promise<Page> {
  const tab = await visit(w, app.origin);
  assert.equal((await signInBy(w, tab)).outcome, "resolved");
  return tab;
}

/** Frames the address in the page and tells, once it is loaded, where the frame got to. */
async function frameIn(tab: Page, url: string): Promise<string> {
  await tab.evaluate(
    (src) =>
      new Promise<void>((resolve) => {
        const frame = document.createElement("iframe");
        frame.id = "framed";
        frame.onload = () => resolve();
        frame.src = src;
        document.body.append(frame);
      }),
    url,
  );
  const frame = await (await tab.$("#framed"))?.contentFrame();
  return frame ? frame.evaluate(() => location.href).catch(() => frame.url()) : "gone";
}

/** A message of the page's own comes back only after all that was posted before it. */
async function heard(tab: Page): Promise<{ origin: string; data: unknown }[]> {
  return tab.evaluate(async () => {
    const all = (window as unknown as { heard: { origin: string; data: unknown }[] }).heard;
    await new Promise<void>((resolve) => {
      addEventListener("message", function fence(e) {
        if (e.data !== "fence") return;
        removeEventListener("message", fence);
        resolve();
      });
      postMessage("fence", location.origin);
    });
    return all.filter((e) => e.data !== "fence");
  });
}

describe("nobody else can frame a page of the server", () => {
  const addresses: Record<string, () => string> = {
    "the sign-in, for the app's origin": () => assisted(app.origin),
    "the silent answer, for the app's origin": () => assisted(app.origin, "&prompt=none"),
    "the sign-in, for the stranger's own origin": () => assisted(evil.origin),
    "an unknown client": () => assisted(evil.origin).replace("victim", "nobody"),
    "the logout page": logoutAddress,
    "the logout page, for the stranger's own origin": () => logoutAddress().replace(encodeURIComponent(app.origin), encodeURIComponent(evil.origin)),
  };
  for (const [name, address] of Object.entries(addresses)) {
    it(name, async () => {
      await victim();
      const { headers } = await fetchFrom(w.usher, address());
      const csp = String(headers["content-security-policy"]);
      const ancestors = /frame-ancestors ([^;]*)/.exec(csp)?.[1]?.trim();
      assert.ok(ancestors === "'none'" || ancestors === app.origin, csp);
      const tab = await w.session.tab();
      await tab.goto(evil.origin);
      assert.match(await frameIn(tab, address()), /^chrome-error:/);
      assert.deepEqual(await heard(tab), []);
    });
  }

  it("an allowed app that is itself framed by a stranger", async () => {
    await victim();
    evil.pages["/wrap"] = page("Wrapped", `${HEARD}<iframe id="app" src="${app.origin}/other"></iframe>`);
    const tab = await w.session.tab();
    await tab.goto(`${evil.origin}/wrap`);
    const inner = await (await tab.$("#app"))?.contentFrame();
    assert.ok(inner);
    await inner.evaluate((src) => {
      const frame = document.createElement("iframe");
      frame.src = src;
      frame.onload = () => (document.title = "loaded");
      document.body.append(frame);
    }, assisted(app.origin));
    await inner.waitForFunction(() => document.title === "loaded");
    const urls = tab.frames().map((frame) => frame.url());
    assert.ok(!urls.some((url) => url.startsWith(w.usher.server)), urls.join(" "));
    assert.deepEqual(await heard(tab), []);
  });

  it("the same address does show where the app itself frames it", async () => {
    const tab = await visit(w, `${app.origin}/other`);
    assert.ok((await frameIn(tab, assisted(app.origin))).startsWith(w.usher.server));
  });
});

describe("nobody else hears an answer", () => {
  /** Opens the address in a window from the page, and reads all that the page hears until it is loaded. */
  async function popupFrom(tab: Page, url: string): Promise<{ origin: string; data: unknown }[]> {
    const opened = new Promise<Page | null>((resolve) => tab.once("popup", resolve));
    await tab.evaluate((address) => void window.open(address), url);
    const popup = await opened;
    assert.ok(popup);
    await popup.waitForFunction(() => document.readyState === "complete" && location.href !== "about:blank");
    const all = await heard(tab);
    await popup.close();
    return all;
  }

  it("a stranger's window gets no message, for the app's origin or its own", async () => {
    await victim();
    const tab = await w.session.tab();
    await tab.goto(evil.origin);
    assert.deepEqual(await popupFrom(tab, assisted(app.origin, "&prompt=none")), []);
    assert.deepEqual(await popupFrom(tab, assisted(evil.origin, "&prompt=none")), []);
    assert.deepEqual(await popupFrom(tab, assisted("null", "&prompt=none")), []);
  });

  it("a window without an opener tells nobody, and says so", async () => {
    await victim();
    const tab = await w.session.tab();
    await tab.goto(evil.origin);
    const opened = new Promise<Page>((resolve) => w.session.browser.once("targetcreated", (target) => void target.page().then((page) => page && resolve(page))));
    await tab.evaluate((address) => void window.open(address, "_blank", "noopener"), assisted(app.origin, "&prompt=none"));
    const alone = await opened;
    await alone.waitForFunction(() => document.body && !document.body.hidden && document.body.innerText.includes("no app"));
    assert.equal(await alone.evaluate(() => window.opener), null);
    assert.deepEqual(await heard(tab), []);
  });

  it("the app's own window does, so the silence above means something", async () => {
    await victim();
    app.pages["/popup"] = page("The app", HEARD);
    const tab = await w.session.tab();
    await tab.goto(`${app.origin}/popup`);
    const all = await popupFrom(tab, assisted(app.origin, "&prompt=none"));
    assert.equal(all.length, 1);
    assert.equal(all[0]?.origin, w.usher.server);
    assert.equal((all[0]?.data as { status: string }).status, "success");
  });

  it("the app's address by number, localhost by name on another port, and a sandboxed page get nothing", async () => {
    await victim();
    app.pages["/popup"] = page("The app", HEARD);
    for (const address of [`${app.byAddress}/popup`, evil.origin]) {
      const tab = await w.session.tab();
      await tab.goto(address);
      assert.deepEqual(await popupFrom(tab, assisted(app.origin, "&prompt=none")), []);
    }
    evil.pages["/sandbox"] = page("Sandboxed", HEARD + `<iframe sandbox="allow-scripts" srcdoc="<iframe src='${assisted(app.origin, "&amp;prompt=none")}' onload='parent.postMessage(1,&quot;*&quot;)'></iframe><script>onmessage=e=>parent.postMessage(e.data,'*')</script>"></iframe>`);
    const tab = await w.session.tab();
    await tab.goto(`${evil.origin}/sandbox`);
    const said = await until("the sandboxed frame to load", async () => {
      const all = await heard(tab);
      return all.length > 0 && all;
    });
    assert.deepEqual(said.map((m) => m.data), [1]);
  });

  it("the message names one exact origin, and never *", async () => {
    const { body } = await fetchFrom(w.usher, assisted(app.origin, "&prompt=none"));
    assert.ok(body.includes(`"${app.origin}"`));
    assert.ok(!/postMessage\([^)]*['"]\*['"]/.test(body));
  });
});

describe("nobody else can answer an app that waits", () => {
  const FORGED = { status: "success", access_token: "forged", token_type: "bearer", expires_in: 300, scope: "openid", sub: "mallory", subject: "mallory" };

  /** An app's tab with the sign-in open, which counts the messages that reach it. */
  async function waiting(): Promise<Page> {
    const tab = await visit(w, app.origin);
    await tab.evaluate(() => {
      const page = window as unknown as { heard: unknown[] };
      page.heard = [];
      addEventListener("message", (e) => page.heard.push(e.data));
    });
    await start(tab, "assistant.login()");
    await visibleFrame(tab, w.usher.server);
    return tab;
  }

  async function stillWaits(tab: Page): Promise<void> {
    await until("the forged message to arrive", () =>
      tab.evaluate(() => (window as unknown as { heard: { access_token?: string }[] }).heard.some((m) => m.access_token === "forged")),
    );
    const state = await tab.evaluate(() => {
      const page = window as unknown as { assistant: { isAuthenticated(): boolean; getAuthHeader(): string }; __settled?: unknown };
      return { held: page.assistant.isAuthenticated(), header: page.assistant.getAuthHeader(), settled: page.__settled ?? null };
    });
    assert.deepEqual(state, { held: false, header: "", settled: null });
    await signIn(await visibleFrame(tab, w.usher.server), w.usher.username, w.usher.password);
    const { outcome, value } = await settled(tab);
    assert.equal(outcome, "resolved", "the true answer still arrives");
    assert.notEqual(value["token"], "forged");
  }

  it("a window of a stranger that opened it", async () => {
    const tab = await waiting();
    const stranger = new Promise<Page | null>((resolve) => tab.once("popup", resolve));
    await tab.evaluate((url) => void window.open(url), evil.origin);
    await (await stranger)?.evaluate((data) => opener.postMessage(data, "*"), FORGED);
    await tab.bringToFront();
    await stillWaits(tab);
  });

  it("a window of the app's own origin", async () => {
    const tab = await waiting();
    const other = new Promise<Page | null>((resolve) => tab.once("popup", resolve));
    await tab.evaluate(() => void window.open("/other"));
    await (await other)?.evaluate((data) => opener.postMessage(data, "*"), FORGED);
    await tab.bringToFront();
    await stillWaits(tab);
  });

  it("the page itself", async () => {
    const tab = await waiting();
    await tab.evaluate((data) => postMessage(data, "*"), FORGED);
    await stillWaits(tab);
  });

  it("a stranger's frame in the app's page", async () => {
    const tab = await waiting();
    evil.pages["/shout"] = page("Shouting", `<script>parent.postMessage(${JSON.stringify(FORGED)}, "*")</script>`);
    await frameIn(tab, `${evil.origin}/shout`);
    await stillWaits(tab);
  });

  it("a stranger that got hold of the very frame: the source is right, the origin is not", async () => {
    const tab = await waiting();
    evil.pages["/shout"] = page("Shouting", `<script>parent.postMessage(${JSON.stringify(FORGED)}, "*")</script>`);
    await tab.$eval("dialog iframe", (frame, url) => ((frame as HTMLIFrameElement).contentWindow!.location.href = url), `${evil.origin}/shout`);
    await until("the forged message to arrive", () =>
      tab.evaluate(() => (window as unknown as { heard: { access_token?: string }[] }).heard.some((m) => m.access_token === "forged")),
    );
    assert.equal(await tab.evaluate("assistant.isAuthenticated()"), false);
    assert.equal(await tab.evaluate("window.__settled === undefined"), true);
  });

  it("another frame of the server: the origin is right, the source is not", async () => {
    const first = await victim();
    await first.evaluate(() => {
      const page = window as unknown as { heard: unknown[] };
      page.heard = [];
      addEventListener("message", (e) => page.heard.push(e.data));
    });
    await start(first, "assistant.login({force_auth: true})");
    await visibleFrame(first, w.usher.server);
    await frameIn(first, assisted(app.origin, "&prompt=none"));
    await until("the other frame's answer", () =>
      first.evaluate(() => (window as unknown as { heard: { status?: string }[] }).heard.some((m) => m.status === "success")),
    );
    assert.equal(await first.evaluate("window.__settled === undefined"), true);
  });
});

describe("requests from other origins", () => {
  it("a stranger's page cannot read the token, revocation or introspection endpoints' answers", async () => {
    const tab = await visit(w, evil.origin);
    for (const path of ["oauth-token", "oauth-revoke", "oauth-introspect", "oauth-userinfo"]) {
      const result = await tab.evaluate(
        (url) => fetch(url, { method: "POST", body: new URLSearchParams({ token: "x", client_id: "victim" }) }).then((r) => r.status, (e: Error) => e.name),
        `${w.usher.server}/oauth/v2/${path}`,
      );
      assert.equal(result, "TypeError", path);
    }
  });

  it("the app's own origin may revoke, and is never offered credentials", async () => {
    const url = `${w.usher.server}/oauth/v2/oauth-revoke`;
    for (const origin of [evil.origin, "null", `${app.origin}.example`, app.byAddress]) {
      const { headers } = await fetchFrom(w.usher, url, { method: "POST", headers: { Origin: origin }, body: "token=x&client_id=victim" });
      assert.equal(headers["access-control-allow-origin"], undefined, origin);
      assert.equal(headers["access-control-allow-credentials"], undefined, origin);
    }
    const { headers } = await fetchFrom(w.usher, url, { method: "POST", headers: { Origin: app.origin }, body: "token=x&client_id=victim" });
    assert.equal(headers["access-control-allow-origin"], app.origin);
    assert.equal(headers["access-control-allow-credentials"], undefined);
  });

  it("an opaque origin (a sandboxed frame) can read nothing", async () => {
    const tab = await visit(w, evil.origin);
    const result = await tab.evaluate(
      (url) =>
        new Promise((resolve) => {
          addEventListener("message", (e) => resolve(e.data));
          const frame = document.createElement("iframe");
          frame.setAttribute("sandbox", "allow-scripts");
          frame.srcdoc = `<script>fetch("${url}",{method:"POST",body:new URLSearchParams({token:"x",client_id:"victim"})}).then(r=>r.status,e=>e.name).then(x=>parent.postMessage(x,"*"))<\/script>`;
          document.body.append(frame);
        }),
      `${w.usher.server}/oauth/v2/oauth-revoke`,
    );
    assert.equal(result, "TypeError");
  });

  it("an origin that is no client's gets the plain page, and an unknown client too", async () => {
    for (const address of [assisted(evil.origin), assisted("null"), assisted(app.origin).replace("victim", "nobody"), assisted(`${app.origin}/`)]) {
      const { status, body, headers } = await fetchFrom(w.usher, address);
      assert.equal(status, 400, address);
      assert.ok(!body.includes("postMessage"), address);
      assert.match(String(headers["content-security-policy"]), /frame-ancestors 'none'/);
      assert.equal(headers["x-frame-options"], "DENY");
    }
  });

  it("a stranger's form signs nobody out and nobody in", async () => {
    const tab = await victim();
    const { value } = await call(tab, "assistant.fetchTokens()");
    // A stranger can fetch a flow of their own, and has an account of their own.
    const { body } = await fetchFrom(w.usher, assisted(app.origin), { headers: { "Sec-Fetch-Dest": "iframe" } });
    const flow = /name="flow" value="([^"]+)"/.exec(body)?.[1] ?? "";
    assert.ok(flow);
    const expected = { "oauth/v2/oauth-session/logout": 200, "authn/authentication/password": 403, "authn/authentication/consent": 403, "authn/authentication/cancel": 403 };
    for (const [path, status] of Object.entries(expected)) {
      const other = await w.session.tab();
      await other.goto(evil.origin);
      const [response] = await Promise.all([
        other.waitForNavigation(),
        other.evaluate(
          (action, fields) => {
            const form = document.createElement("form");
            form.method = "post";
            form.action = action;
            for (const [name, content] of Object.entries(fields)) {
              const input = document.createElement("input");
              [input.name, input.value] = [name, content];
              form.append(input);
            }
            document.body.append(form);
            HTMLFormElement.prototype.submit.call(form);
          },
          `${w.usher.server}/${path}`,
          { confirm: "yes", username: w.usher.username, password: w.usher.password, decision: "allow", flow },
        ),
      ]);
      assert.equal(response?.status(), status, path);
      await other.close();
    }
    assert.equal((await introspect(w.usher, String(value["token"])))["active"], true);
    assert.equal((await call(tab, "assistant.fetchTokens()")).outcome, "resolved");
  });

  it("a stranger's frame of the logout page says the same whoever is signed in (no login oracle)", async () => {
    const address = `${w.usher.server}/oauth/v2/oauth-session/logout?client_id=victim&post_logout_redirect_uri=${encodeURIComponent(`${app.origin}/bye`)}`;
    evil.pages["/frames"] = page("Frames the server alone", "").replace(
      "<head>",
      `<head><meta http-equiv="Content-Security-Policy" content="frame-src ${w.usher.server}">`,
    );
    const redirected = async (): Promise<boolean> => {
      const tab = await w.session.tab();
      await tab.goto(`${evil.origin}/frames`);
      return tab.evaluate(
        (src) =>
          new Promise<boolean>((resolve) => {
            let violated = false;
            document.addEventListener("securitypolicyviolation", () => (violated = true));
            const frame = document.createElement("iframe");
            frame.onload = () => resolve(violated); // a redirect that the policy blocks is reported before the load
            frame.src = src;
            document.body.append(frame);
          }),
        address,
      );
    };
    await victim();
    assert.equal(await redirected(), false, "signed in");
    await w.session.browser.deleteCookie(...(await w.session.browser.cookies()));
    assert.equal(await redirected(), false, "signed out");
  });

  it("a stranger's window stays open, whoever is signed in (no login oracle)", async () => {
    await w.usher.client("theirs", [app.origin], "--scope", "openid profile", "--consent");
    app.pages["/theirs"] = appPage(w.usher, { clientId: "theirs" });
    const tab = await visit(w, `${app.origin}/theirs`);
    await start(tab, "assistant.login()");
    const frame = await visibleFrame(tab, w.usher.server, "#continue");
    const popup = await popupOf(tab, () => frame.click("#continue"));
    await signIn(popup, w.usher.username, w.usher.password);
    await clickWhenReady(popup, "button[value=allow]");
    assert.equal((await settled(tab)).outcome, "resolved"); // our own opener: the window closes, the frame goes on

    const url = `${w.usher.server}/oauth/v2/oauth-assisted-token?client_id=theirs&for_origin=${encodeURIComponent(app.origin)}`;
    const { body } = await fetchFrom(w.usher, url, { headers: { "Sec-Fetch-Dest": "iframe" } });
    const address = w.usher.server + (/data-open="([^"]+)"/.exec(body)?.[1]?.replaceAll("&amp;", "&") ?? "");
    const other = await w.session.tab();
    await other.goto(evil.origin);
    const done = await popupOf(other, () =>
      other.evaluate((src) => void ((window as { opens?: unknown }).opens = window.open(src, "theirs")), address),
    );
    await until("the window's script to be through", () =>
      done.evaluate(() => document.querySelector("main[data-page=done]") !== null && !document.documentElement.hasAttribute("data-guard")),
    );
    assert.equal(await other.evaluate(() => (window as { opens?: Window }).opens?.closed), false);
    assert.deepEqual(await heard(other), []);
  });

  it("the session cookie answers only documents and frames (no login oracle)", async () => {
    await victim();
    const cookies = (await w.session.browser.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
    assert.match(cookies, /session=/);
    for (const address of [assisted(app.origin, "&prompt=none"), logoutAddress()]) {
      const ask = (destination: string, cookie: string): ReturnType<typeof fetchFrom> =>
        fetchFrom(w.usher, address, { headers: { "Sec-Fetch-Dest": destination, Cookie: cookie } });
      assert.equal((await ask("iframe", cookies)).status, 200);
      for (const destination of ["image", "script", "style", "object", "embed", "video", "empty", "frame", "worker"]) {
        const [there, nobody] = [await ask(destination, cookies), await ask(destination, "")];
        assert.equal(there.status, 403, destination);
        assert.deepEqual([there.status, there.body], [nobody.status, nobody.body], destination);
      }
    }
    const other = await w.session.tab();
    await other.goto(evil.origin);
    const results = await other.evaluate(async (url) => {
      const image = new Image();
      const loaded = await new Promise((resolve) => {
        image.onload = () => resolve("loaded");
        image.onerror = () => resolve("refused");
        image.src = url;
      });
      const fetched = await fetch(url, { credentials: "include" }).then(() => "read", () => "refused");
      return [loaded, fetched];
    }, assisted(app.origin, "&prompt=none"));
    assert.deepEqual(results, ["refused", "refused"]);
  });
});
