// The scripts of the server's own pages, and what the library checks in an answer: each guard alone, with the
// others out of the way, as a browser would meet it that knows fewer of them.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Frame, Page } from "puppeteer-core";
import { page, type Site } from "../harness/site.ts";
import { call, clickWhenReady, popupOf, settled, signIn, start, visibleFrame } from "../harness/user.ts";
import { fetchFrom } from "../harness/usher.ts";
import { until } from "../harness/wait.ts";
import { appPage, signInBy, visit, world, type World } from "../harness/world.ts";

let w: World;
let app: Site;
let evil: Site;

const FRAMED = { headers: { "Sec-Fetch-Dest": "iframe" } };
const HEARD = `<script>window.heard = []; addEventListener("message", (e) => heard.push(e.data));</script>`;

before(async () => {
  w = await world({ expectViolations: true });
  app = await w.site({ "/other": page("Another page of the app", "") });
  evil = await w.site({ "/": page("Somebody else", HEARD) });
  await w.usher.client("ours", [app.origin], "--scope", "openid profile");
  await w.usher.client("theirs", [app.origin], "--scope", "openid profile", "--consent");
  app.pages["/"] = appPage(w.usher, { clientId: "ours" });
  app.pages["/theirs"] = appPage(w.usher, { clientId: "theirs" });
});
after(() => w.close());

const assisted = (client: string, more = ""): string =>
  `${w.usher.server}/oauth/v2/oauth-assisted-token?client_id=${client}&for_origin=${encodeURIComponent(app.origin)}${more}`;
const logout = (): string => `${w.usher.server}/oauth/v2/oauth-session/logout?client_id=ours&for_origin=${encodeURIComponent(app.origin)}`;

/** Serves a copy of a page of the server, without its headers: what an agent makes of it that knows no frame-ancestors. */
async function copy(address: string, change: (script: string) => string = (script) => script): Promise<Site> {
  const { body } = await fetchFrom(w.usher, address, FRAMED);
  const site = await w.site({ "/": body });
  for (const [, path = ""] of body.matchAll(/(?:src|href)="(\/authn\/resources\/[^"]+)"/g)) {
    site.pages[path] = change((await fetchFrom(w.usher, w.usher.server + path)).body);
  }
  return site;
}

/** Frames an address in the page and gives the frame once it is loaded. */
async function frameIn(tab: Page, url: string): Promise<Frame> {
  await tab.evaluate(
    (src) =>
      new Promise<void>((resolve) => {
        const frame = document.createElement("iframe");
        frame.onload = () => resolve();
        frame.src = src;
        document.body.append(frame);
      }),
    url,
  );
  return until("the frame", () => tab.frames().find((frame) => frame.url() === url));
}

/** From now on the frame counts the messages that it gets; its own script hears each before the count. */
async function count(frame: Frame): Promise<void> {
  await frame.evaluate(() => {
    const page = window as unknown as { got: number };
    page.got = 0;
    addEventListener("message", () => page.got++);
  });
}

/** Whether the form was sent off once a message is there. */
async function sentAfterMessage(frame: Frame, form: string): Promise<boolean> {
  return until("the message", async () => {
    const got = await frame.evaluate(
      (selector) => [(window as unknown as { got?: number }).got ?? 0, document.querySelector<HTMLFormElement>(selector)?.dataset["sent"] ?? ""] as const,
      form,
    ).catch(() => [1, "gone"] as const); // the page went on: the form was sent
    return got[0] ? { sent: got[1] !== "" } : undefined;
  }).then(({ sent }) => sent);
}

describe("the last line against being framed", () => {
  it("a page stays hidden in a frame of somebody else, and shows in the one origin that may frame it", async () => {
    const site = await copy(assisted("ours"));
    for (const [parent, shown] of [[evil.origin, false], [`${app.origin}/other`, true]] as const) {
      const tab = await visit(w, parent);
      const frame = await frameIn(tab, `${site.origin}/`);
      assert.equal(await frame.evaluate(() => getComputedStyle(document.documentElement).display !== "none"), shown, parent);
    }
  });
});

describe("the window for a client whose users must agree", () => {
  /** An app's tab that shows "continue in a window", and that window. */
  async function waiting(): Promise<{ tab: Page; frame: Frame; popup: Page }> {
    const tab = await visit(w, `${app.origin}/theirs`);
    await start(tab, "assistant.login()");
    const frame = await visibleFrame(tab, w.usher.server, "#continue");
    const popup = await popupOf(tab, () => frame.click("#continue"));
    await popup.waitForSelector("#username");
    await count(frame);
    return { tab, frame, popup };
  }

  it("done counts only from the very window that was opened", async () => {
    const { tab, frame } = await waiting();
    await tab.bringToFront();
    const other = await frameIn(tab, assisted("ours", "&prompt=none"));
    await other.evaluate(() => {
      for (let i = 0; i < parent.length; i++) parent[i]!.postMessage({ type: "done" }, "*");
    });
    assert.equal(await sentAfterMessage(frame, "#go-on"), false);
  });

  it("done counts only from our own origin", async () => {
    const { tab, frame, popup } = await waiting();
    await popup.evaluate((url) => void (location.href = url), `${evil.origin}/`);
    await popup.waitForFunction(() => "heard" in window);
    await popup.evaluate(() => opener.postMessage({ type: "done" }, "*"));
    await tab.bringToFront();
    assert.equal(await sentAfterMessage(frame, "#go-on"), false);
  });

  it("a stranger that opens the window hears nothing from it", async () => {
    const { tab, popup } = await waiting();
    await signIn(popup, w.usher.username, w.usher.password);
    await clickWhenReady(popup, "button[value=allow]");
    assert.equal((await settled(tab)).outcome, "resolved");

    const { body } = await fetchFrom(w.usher, assisted("theirs"), FRAMED);
    const open = /data-open="([^"]+)"/.exec(body)?.[1]?.replaceAll("&amp;", "&");
    assert.ok(open);
    const stranger = await w.session.tab();
    await stranger.goto(evil.origin);
    const mine = await popupOf(stranger, () => stranger.evaluate((url) => void window.open(url), w.usher.server + open));
    await until("the window to be done", async () => mine.isClosed() || mine.$eval("[data-page=done]", () => true).catch(() => false));
    await stranger.evaluate(() => postMessage("fence", location.origin));
    const heard = await until("the fence", async () => {
      const all = await stranger.evaluate(() => (window as unknown as { heard: unknown[] }).heard);
      return all.includes("fence") && all;
    });
    assert.deepEqual(heard, ["fence"]);
  });
});

describe("the framed logout page", () => {
  it("a word to log out counts only from the page that frames ours", async () => {
    const tab = await visit(w, app.origin);
    await signInBy(w, tab);
    const frame = await frameIn(tab, logout());
    await count(frame);
    const popup = await popupOf(tab, () => tab.evaluate(() => void window.open("/other")));
    await popup.evaluate(() => {
      for (let i = 0; i < opener.length; i++) opener[i].postMessage({ type: "logout", access_token: "" }, "*");
    });
    await tab.bringToFront();
    assert.equal(await sentAfterMessage(frame, "#logout"), false);
    assert.equal((await call(tab, "assistant.fetchTokens()")).outcome, "resolved");
  });

  it("a word to log out counts only from the one origin that may frame it", async () => {
    // Browsers that do not tell the ancestors leave it to the message's origin.
    const site = await copy(logout(), (script) => script.replace("location.ancestorOrigins", "undefined"));
    for (const [parent, sent] of [[evil.origin, false], [`${app.origin}/other`, true]] as const) {
      const tab = await visit(w, parent);
      const frame = await frameIn(tab, `${site.origin}/`);
      await count(frame);
      await tab.evaluate(() => frames[0]!.postMessage({ type: "logout", access_token: "" }, "*"));
      assert.equal(await sentAfterMessage(frame, "#logout"), sent, parent);
    }
  });
});

describe("the library", () => {
  it("an id_token that was made for another request is refused", async () => {
    const tab = await visit(w, app.origin);
    await signInBy(w, tab);
    await tab.evaluate(() => {
      const { set } = Object.getOwnPropertyDescriptor(HTMLIFrameElement.prototype, "src")!;
      Object.defineProperty(HTMLIFrameElement.prototype, "src", {
        set(this: HTMLIFrameElement, url: string) {
          set!.call(this, url.replace(/nonce=\w+/, "nonce=other"));
        },
      });
    });
    const { outcome, value } = await call(tab, "assistant.fetchTokensOrLogin(true)");
    assert.deepEqual([outcome, value["error"]], ["rejected", "server_error"]);
  });
});
