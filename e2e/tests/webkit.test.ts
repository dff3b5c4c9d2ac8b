// WebKit, as shipped and with Intelligent Tracking Prevention, and an app on another site than the server's: the first sign-in
// without leaving the page, silent renewal in the tab, logout.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { serve, type Site } from "../harness/site.ts";
import type { Settled } from "../harness/user.ts";
import { introspect, startDemo, type Usher } from "../harness/usher.ts";
import { until } from "../harness/wait.ts";
import { webkit, type WebKit } from "../harness/webkit.ts";
import { appPage } from "../harness/world.ts";

for (const itp of [false, true]) {
  describe(itp ? "WebKit with ITP" : "WebKit as shipped", () => {
    let usher: Usher;
    let app: Site;
    let browser: WebKit;
    before(async () => {
      usher = await startDemo();
      app = await serve({});
      await usher.client("other-site", [app.byAddress]);
      app.pages["/"] = appPage(usher, { clientId: "other-site" });
      browser = await webkit(itp);
    });
    after(async () => {
      await browser?.close();
      await app.close();
      await usher.stop();
    });

    const start = async (expression: string): Promise<void> => {
      await browser.run(`window.__settled = undefined; (${expression}).then(
        (value) => { window.__settled = { outcome: "resolved", value: value || {} }; },
        (value) => { window.__settled = { outcome: "rejected", value }; });`);
    };
    const settled = async (): Promise<Settled> => (await until("the promise to settle", () => browser.run("return window.__settled"), 15_000)) as Settled;
    const call = async (expression: string): Promise<Settled> => {
      await start(expression);
      return settled();
    };
    const signIn = async (): Promise<void> => {
      await start("assistant.loginIfRequired()");
      await until("the sign-in to be filled in", async () => {
        await browser.frame(undefined);
        await browser.frame("dialog iframe");
        return browser.run(`const form = document.querySelector("#username")?.form;
          if (document.readyState !== "complete" || !form) return false;
          form.username.value = ${JSON.stringify(usher.username)};
          form.password.value = ${JSON.stringify(usher.password)};
          setTimeout(() => form.requestSubmit());
          return true;`);
      });
      await browser.frame(undefined);
    };

    it("signs in without leaving the page, renews silently again and again, and logs out", async () => {
      await browser.goto(`${app.byAddress}/`);
      await signIn();
      const first = await settled();
      assert.equal(first.outcome, "resolved", JSON.stringify(first));
      const tokens = new Set([first.value["token"]]);
      for (const round of [1, 2, 3]) {
        const silent = await call("assistant.fetchTokens()");
        assert.equal(silent.outcome, "resolved", `round ${round}: ${JSON.stringify(silent)}`);
        tokens.add(silent.value["token"]);
      }
      assert.equal(tokens.size, 4, "each renewal brings another token");
      assert.equal(await browser.run("return location.href"), `${app.byAddress}/`);
      for (const token of tokens) assert.equal((await introspect(usher, String(token)))["active"], true);
      assert.equal((await call("assistant.logout()")).outcome, "resolved");
      for (const token of tokens) assert.equal((await introspect(usher, String(token)))["active"], false);
      assert.equal((await call("assistant.fetchTokens()")).value["error"], "interaction_required");
    });
  });
}
