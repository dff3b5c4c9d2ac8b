// Firefox, as shipped and with all third-party cookies refused, and an app on another site than the server's: the first
// sign-in without leaving the page, silent renewal in the tab, logout.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser } from "puppeteer-core";
import { firefox, type Behavior } from "../harness/firefox.ts";
import { serve, type Site } from "../harness/site.ts";
import { call, settled, signIn, start, visibleFrame } from "../harness/user.ts";
import { introspect, startDemo, type Usher } from "../harness/usher.ts";
import { appPage } from "../harness/world.ts";

for (const [name, behavior] of Object.entries({ "as shipped": 5, "third-party cookies refused": 1 } as Record<string, Behavior>)) {
  describe(`Firefox, ${name}`, () => {
    let usher: Usher;
    let app: Site;
    let browser: Browser;
    let close: () => Promise<void>;
    before(async () => {
      usher = await startDemo();
      app = await serve({});
      ({ browser, close } = await firefox(behavior));
      await usher.client("other-site", [app.byAddress]);
      app.pages["/"] = appPage(usher, { clientId: "other-site" });
    });
    after(async () => {
      await close();
      await app.close();
      await usher.stop();
    });

    it("signs in without leaving the page, renews silently again and again, and logs out", async () => {
      const tab = await browser.newPage();
      await tab.goto(`${app.byAddress}/`);
      await start(tab, "assistant.loginIfRequired()");
      await signIn(await visibleFrame(tab, usher.server), usher.username, usher.password);
      const first = await settled(tab);
      assert.equal(first.outcome, "resolved", JSON.stringify(first));
      const tokens = new Set([first.value["token"]]);
      for (const round of [1, 2, 3]) {
        const silent = await call(tab, "assistant.fetchTokens()");
        assert.equal(silent.outcome, "resolved", `round ${round}: ${JSON.stringify(silent)}`);
        assert.equal("renewal_handle" in silent.value, false);
        tokens.add(silent.value["token"]);
      }
      assert.equal(tokens.size, 4, "each renewal brings another token");
      assert.equal(tab.url(), `${app.byAddress}/`);
      for (const token of tokens) assert.equal((await introspect(usher, String(token)))["active"], true);
      assert.equal((await call(tab, "assistant.logout()")).outcome, "resolved");
      for (const token of tokens) assert.equal((await introspect(usher, String(token)))["active"], false);
      assert.equal((await call(tab, "assistant.fetchTokens()")).value["error"], "interaction_required");
    });

    it("a reload finds the session where the browser keeps it for the frame", async () => {
      const tab = await browser.newPage();
      await tab.goto(`${app.byAddress}/`);
      await start(tab, "assistant.loginIfRequired()");
      await signIn(await visibleFrame(tab, usher.server), usher.username, usher.password);
      assert.equal((await settled(tab)).outcome, "resolved");
      await tab.reload();
      const silent = await call(tab, "assistant.fetchTokens()");
      assert.equal(silent.value["error"] ?? "a token", behavior === 5 ? "a token" : "interaction_required");
    });
  });
}
