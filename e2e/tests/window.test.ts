// presentation: "popup": the sign-in in a window of its own, in six browsers, under both opener policies of the app; and
// what the app's tabs tell each other.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { call, COLUMNS, settled, signInIn, start, startColumn, type Column, type Tab } from "../harness/columns.ts";
import { page, serve, type Site } from "../harness/site.ts";
import { starting } from "../harness/user.ts";
import { introspect, startDemo, type Usher } from "../harness/usher.ts";
import { until } from "../harness/wait.ts";
import { appPage, LIBRARY } from "../harness/world.ts";

const ANN = { username: "ann", password: "correct horse battery" };

let usher: Usher;
let open: Site;
let cut: Site;
before(async () => {
  usher = await startDemo();
  open = await serve({});
  cut = await serve({}, { headers: { "Cross-Origin-Opener-Policy": "same-origin", "Referrer-Policy": "no-referrer" } });
  await usher.cli(["user", "add", ANN.username], { input: `${ANN.password}\n` });
  await usher.client("windowed", [open.byAddress, cut.byAddress]);
  const app = appPage(usher, { clientId: "windowed", presentation: "popup" });
  open.pages["/"] = cut.pages["/"] = app.replace("</body>", `<button id="go">Go</button><script>
    document.querySelector("#go").onclick = () => { ${starting("assistant.loginIfRequired()")} };</script></body>`);
  cut.pages["/modal"] = appPage(usher, { clientId: "windowed" });
  open.pages["/told"] = page("An app", "<h1>An app</h1>", usher.server + LIBRARY).replace("</body>", `<script>
    window.told = [];
    window.assistant = curity.token.assistant({ clientId: "windowed", sessionPollSeconds: 1, onSessionChange: (change) => told.push(change) });
    assistant.fetchTokens().catch(() => undefined);</script></body>`);
});
after(async () => {
  await open.close();
  await cut.close();
  await usher.stop();
});

/** Presses the app's button and, where the silent request took longer than the browser lets a click count, the library's. */
const windowOf = (tab: Tab): Promise<Tab> =>
  tab.windowOpenedBy(async () => {
    const asked = await tab.run("return document.querySelector('.usher-note button')?.textContent ?? (window.__settled || !document.querySelector('dialog'))");
    if (asked === "Sign in") await tab.click(".usher-note button");
    else if (asked === true) await tab.click("#go");
  });

const noDialog = (tab: Tab): Promise<unknown> => until("the dialog to be gone", () => tab.run("return document.querySelector('dialog') === null"));

for (const name of COLUMNS) {
  describe(name, () => {
    let column: Column;
    before(async () => void (column = await startColumn(name)));
    after(() => column.close());

    for (const [policy, site] of [["no opener policy", () => open], ["Cross-Origin-Opener-Policy: same-origin", () => cut]] as const) {
      it(`a click opens the window, which closes when the app has its answer (${policy})`, async () => {
        const tab = await column.open(`${site().byAddress}/`);
        const window = await windowOf(tab);
        await signInIn(window.run, usher);
        const result = await settled(tab);
        assert.equal(result.outcome, "resolved", JSON.stringify(result));
        assert.equal((await introspect(usher, String(result.value["token"])))["active"], true);
        await until("the window to close", () => window.isClosed());
        await noDialog(tab);
        assert.equal(await tab.url(), `${site().byAddress}/`);
        assert.equal((await call(tab, "assistant.fetchTokens()")).outcome, "resolved");
        assert.equal((await call(tab, "assistant.logout()")).outcome, "resolved");
        await tab.close();
      });
    }

    it("the frame's own window brings its ticket through a page of the app, where an opener policy cuts it off", async () => {
      const tab = await column.open(`${cut.byAddress}/modal`);
      await start(tab, "assistant.loginIfRequired()");
      const offered = await until("the framed page", () => tab.inFrame("return document.readyState === 'complete' && !document.documentElement.hasAttribute('data-guard') && { is: document.querySelector('#offer').hidden === false }"));
      if ((offered as { is: boolean }).is) {
        const window = await tab.windowOpenedBy(() => tab.clickInFrame("#continue"));
        await signInIn(window.run, usher);
        assert.equal((await settled(tab)).outcome, "resolved");
        await until("the window to close", () => window.isClosed());
      } else {
        assert.equal(name, "CrOpen", "where cookies reach the frame nothing is offered");
        await signInIn(tab.inFrame, usher);
        assert.equal((await settled(tab)).outcome, "resolved");
      }
      assert.equal((await call(tab, "assistant.logout()")).outcome, "resolved");
      await tab.close();
    });

    it("without a click the page asks for one; closing the dialog, and cancelling in the window, are access_denied", async () => {
      const tab = await column.open(`${open.byAddress}/`);
      await start(tab, "assistant.login()");
      await until("the page to ask", () => tab.run("return /opens a window/.test(document.querySelector('dialog .usher-note p')?.textContent ?? '')"));
      const window = await tab.windowOpenedBy(() => tab.click(".usher-note button"));
      await until("the form", () => window.run("return document.readyState === 'complete' && document.querySelector('#cancel') !== null"));
      await window.run("setTimeout(() => document.querySelector('#cancel').click())");
      assert.equal((await settled(tab)).value["error"], "access_denied");
      await noDialog(tab);
      await start(tab, "assistant.login()");
      await tab.click(".usher-x");
      assert.equal((await settled(tab)).value["error"], "access_denied");
      await tab.close();
    });

    it("a window that the user closes is access_denied", async () => {
      const tab = await column.open(`${open.byAddress}/`);
      const window = await windowOf(tab);
      await until("the form", () => window.run("return document.readyState === 'complete' && document.querySelector('#username') !== null"));
      await window.close();
      assert.equal((await settled(tab)).value["error"], "access_denied");
      await tab.close();
    });

    it("a sign-out in another tab, or at the server, is told to the app", async () => {
      const tab = await column.open(`${open.byAddress}/`);
      const window = await windowOf(tab);
      await signInIn(window.run, usher);
      assert.equal((await settled(tab)).outcome, "resolved");
      const other = await column.open("about:blank");
      await other.goto(`${open.byAddress}/told`);
      await until("the other tab to have a token", () => other.run("return document.readyState === 'complete' && assistant.isAuthenticated()"));
      assert.equal((await call(tab, "assistant.logout()")).outcome, "resolved");
      await until("the app to be told", () => other.run("return told.length === 1 && told[0].signedIn === false && !assistant.isAuthenticated()"));
      await tab.close();
      await other.close();
    });

    it("another user in another tab is told to the app", async () => {
      const tab = await column.open(`${open.byAddress}/`);
      const window = await windowOf(tab);
      await signInIn(window.run, usher);
      assert.equal((await settled(tab)).outcome, "resolved");
      const other = await column.open("about:blank");
      await other.goto(`${open.byAddress}/told`);
      await until("the other tab to have a token", () => other.run("return document.readyState === 'complete' && assistant.isAuthenticated()"));
      const before = await other.run("return assistant.getAdditionalData().sub");
      const acting = await column.open(`${open.byAddress}/`); // in front: what is behind gets no clicks
      // Where it goes through the server first, only the page that came back has a token.
      await until("the page to be at rest", () =>
        acting.run("if (document.readyState !== 'complete') return false; if (!window.asked) { window.asked = true; assistant.fetchTokens().then(() => { window.there = true; }, () => undefined); } return window.there === true"),
      );
      await start(acting, "assistant.login({force_auth: true})");
      const again = await acting.windowOpenedBy(() => acting.click(".usher-note button"));
      await signInIn(again.run, { ...usher, ...ANN });
      const changed = await settled(acting);
      assert.equal(changed.outcome, "resolved", JSON.stringify(changed));
      // Whose session it is now, or that theirs is over: what reaches this tab differs between browsers.
      const told = (await until("the app to be told", () => other.run("return told.length > 0 && told[0]"))) as { signedIn: boolean; sub?: string };
      if (told.signedIn) assert.notEqual(told.sub, before);
      else assert.equal(await other.run("return assistant.isAuthenticated()"), false);
      assert.equal((await call(acting, "assistant.logout()")).outcome, "resolved");
      for (const each of [tab, other, acting]) await each.close();
    });
  });
}
