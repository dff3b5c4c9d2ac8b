// Every page that a user can see: nothing serious for axe-core in light and dark, wide and at 360 px.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { faults } from "../harness/axe.ts";
import { allPages, blockedPages, type Pages } from "../harness/pages.ts";
import { fetchFrom } from "../harness/usher.ts";
import { world, type World } from "../harness/world.ts";

const NAMES = [
  "example", "example-results", "example-error", "example-no-library", "dialog-app", "dialog-sign-in", "dialog-wrong-password",
  "sign-in", "sign-in-wrong-password", "continue-in-window", "consent", "done",
  "redirect-sign-in", "redirect-consent", "choose-account", "bad-redirect",
  "device", "device-wrong-code", "device-consent", "device-connected",
  "sign-out", "signed-out", "sign-in-for-no-app", "signed-in-for-no-app", "answer-without-app", "unknown-client", "unknown-origin", "no-way-back", "no-such-page", "home", "foreign-form",
  "throttled",
];

const BLOCKED = ["dialog-continue", "dialog-window", "window-asked", "window-signed-in", "window-cancelled"];

let w: World;
let blocked: World;
let pages: Pages;
before(async () => {
  w = await world();
  blocked = await world({ policy: "blocked" });
  pages = { ...(await allPages(w)), ...(await blockedPages(blocked)) };
});
after(async () => {
  await w.close();
  await blocked.close();
});

describe("readable in light and dark, at 360 px, for axe-core", () => {
  it("the list below has every page", () => {
    assert.deepEqual(Object.keys(pages), [...NAMES, ...BLOCKED]);
  });
  for (const name of [...NAMES, ...BLOCKED]) {
    it(name, async () => {
      const shown = await pages[name]!();
      const found = await faults(shown.tab, shown.place);
      // One sentence without a style sheet: every silent renewal carries it, and people hardly ever see it.
      const bare = name === "answer-without-app";
      assert.deepEqual(bare ? found.filter((fault) => !fault.startsWith("light and dark look alike")) : found, []);
    });
  }
});

describe("headers of every page", () => {
  it("strict CSP, no-store, nosniff, no inline handlers", async () => {
    const at = w.usher.server;
    for (const address of ["/", "/nothing", "/oauth/v2/oauth-assisted-token", "/oauth/v2/oauth-session/logout", "/authn/anonymous/preflight"]) {
      const { headers, body } = await fetchFrom(w.usher, at + address);
      const csp = String(headers["content-security-policy"]);
      assert.match(csp, /default-src 'none'/, address);
      assert.match(csp, /frame-ancestors 'none'/, address);
      assert.match(csp, /base-uri 'none'/, address);
      assert.ok(!/unsafe|\*/.test(csp), csp);
      assert.equal(headers["x-content-type-options"], "nosniff", address);
      assert.equal(headers["cache-control"], "no-store", address);
      assert.ok(!/\son[a-z]+=|javascript:|\sstyle=/i.test(body), address);
    }
  });
});
