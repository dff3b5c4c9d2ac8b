// The harness of harness/columns.ts in each of its six browsers, on an app of another site than the server's.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { call, COLUMNS, settled, signInIn, start, startColumn, type Column } from "../harness/columns.ts";
import { page, serve, type Site } from "../harness/site.ts";
import { introspect, startDemo, type Usher } from "../harness/usher.ts";
import { until } from "../harness/wait.ts";
import { appPage } from "../harness/world.ts";

const BUTTONS = page(
  "Buttons",
  `<button id="count">Count</button><button id="open">Open</button><dialog><iframe src="/frame"></iframe></dialog>
  <script>
    document.querySelector("dialog").showModal();
    document.querySelector("dialog").close();
    window.clicks = [];
    document.querySelector("#count").onclick = (event) => clicks.push(event.isTrusted && navigator.userActivation?.isActive !== false);
    document.querySelector("#open").onclick = () => { window.opened = window.open("/opened"); };
  </script>`,
);
const FRAME = page("Frame", `<button id="open" onclick="window.opened = window.open('/opened')">Open</button>`);

describe("columns", () => {
  let usher: Usher;
  let app: Site;
  const pictures = mkdtempSync(join(tmpdir(), "usher-e2e-pictures-"));
  before(async () => {
    usher = await startDemo();
    app = await serve({ "/buttons": BUTTONS, "/frame": FRAME, "/opened": page("Opened", `<h1 onclick="window.close()">Opened</h1>`) });
    await usher.client("other-site", [app.byAddress, app.bySecondAddress]);
    app.pages["/"] = appPage(usher, { clientId: "other-site" });
  });
  after(async () => {
    await app.close();
    await usher.stop();
    rmSync(pictures, { recursive: true });
  });

  for (const name of COLUMNS) {
    describe(name, () => {
      let column: Column;
      before(async () => void (column = await startColumn(name)));
      after(() => column.close());

      for (const site of ["byAddress", "bySecondAddress"] as const) {
        it(`signs in within the dialog (${site})`, async () => {
          const tab = await column.open(`${app[site]}/`);
          await start(tab, "assistant.loginIfRequired()");
          await signInIn(tab.inFrame, usher);
          const first = await settled(tab);
          assert.equal(first.outcome, "resolved", JSON.stringify(first));
          assert.equal((await introspect(usher, String(first.value["token"])))["active"], true);
          assert.equal((await call(tab, "assistant.fetchTokens()")).outcome, "resolved");
          assert.equal(await tab.url(), `${app[site]}/`);
          assert.equal(await tab.run("return isSecureContext"), true);
          await assert.rejects(tab.inFrame("return 1"), "the dialog is gone");
          assert.equal((await call(tab, "assistant.logout()")).outcome, "resolved");
          await tab.close();
          assert.equal(await tab.isClosed(), true);
        });
      }

      it("holds two tabs of one profile apart", async () => {
        const [one, two] = [await column.open(`${app.byAddress}/opened`), await column.open(`${app.byAddress}/opened`)];
        await one.run("localStorage.setItem('shared', '1'); window.mine = 1");
        assert.deepEqual(await two.run("return [localStorage.getItem('shared'), window.mine ?? null]"), ["1", null]);
        await one.goto(`${app.byAddress}/opened?again`);
        assert.deepEqual([await one.url(), await two.url()], [`${app.byAddress}/opened?again`, `${app.byAddress}/opened`]);
        await two.run("window.mine = 2");
        await two.reload();
        assert.equal(await two.run("return window.mine"), null);
        await two.close();
        assert.deepEqual([await one.isClosed(), await two.isClosed()], [false, true]);
      });

      it("clicks as the user does, and only then opens a window", async () => {
        const tab = await column.open(`${app.byAddress}/buttons`);
        assert.equal(await tab.run("return window.open('/opened')?.name"), null, "run is no gesture");
        await until("the click to be heard", async () => {
          await tab.click("#count");
          return tab.run("return clicks.length > 0");
        });
        assert.equal(await tab.run("return clicks.every(Boolean)"), true, "a real click");
        const fromPage = await tab.windowOpenedBy(() => tab.click("#open"));
        await until("the window's page", () => fromPage.run("return document.querySelector('h1')?.textContent"));
        assert.equal(await fromPage.isClosed(), false);
        for (const shown of [fromPage, tab]) {
          await shown.screenshot(join(pictures, "picture.png"));
          assert.equal(readFileSync(join(pictures, "picture.png")).toString("latin1", 1, 4), "PNG");
        }
        await tab.run("opened.close()");
        await until("the window to be closed", () => fromPage.isClosed());

        await assert.rejects(tab.inFrame("return 1"), "a closed dialog does not count");
        await tab.run("document.querySelector('dialog').showModal()");
        assert.equal(await tab.inFrame("return location.pathname"), "/frame");
        const fromFrame = await tab.windowOpenedBy(() => tab.clickInFrame("#open"));
        await until("the window's page", () => fromFrame.run("return document.querySelector('h1')?.textContent"));
        await fromFrame.click("h1");
        await until("the frame to know that it is closed", () => tab.inFrame("return opened.closed"));
        assert.deepEqual([await fromFrame.isClosed(), await tab.isClosed()], [true, false]);
      });
    });
  }
});
