// Every admin page: nothing serious for axe-core in light and dark, wide and at 360 px; usable without script; no
// request to another site; and what names could do to it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Page } from "puppeteer-core";
import { adminPages, agree, furnish, HOSTILE, pagesDigest, withoutAddress, type Way } from "../harness/admin-pages.ts";
import { faults } from "../harness/axe.ts";
import { fill, heading, OPERATOR, press } from "../harness/operator.ts";
import { ROOT } from "../harness/paths.ts";
import { startServer, type Server } from "../harness/server.ts";
import { signIn } from "../harness/user.ts";
import { until } from "../harness/wait.ts";
import { world, type World } from "../harness/world.ts";

let usher: Server;
let w: World;
let pages: Record<string, Way>;
let tab: Page;

before(async () => {
  w = await world({ start: async () => (usher = await startServer()) });
  await agreeAndFurnish();
  pages = await adminPages(usher);
});
after(() => w.close());

async function agreeAndFurnish(): Promise<void> {
  tab = await w.session.fresh();
  await furnish(usher, tab);
  const other = await w.session.browser.createBrowserContext();
  await agree(usher, await other.newPage());
  await other.close();
}

async function open(way: Way): Promise<Page> {
  if (typeof way === "string") await tab.goto(way);
  else await way(tab);
  return tab;
}

describe("how every admin page is", () => {
  it("has every page of the tables of routes below", () => {
    const files = ["/admin/audit/export", "/admin/files/usher.yaml"]; // to download
    assert.deepEqual(withoutAddress(pages, [...files, "/admin/profile/release"]), []);
  });

  it("is readable in light and dark, at 360 px, for axe-core", async (t) => {
    for (const [name, way] of Object.entries(pages)) {
      await t.test(name, async () => {
        const shown = await open(way);
        assert.equal(await shown.$$eval("h1", (all) => all.length), 1);
        assert.deepEqual(await faults(shown), []);
      });
    }
  });
});

describe("the pictures in the documents", () => {
  it("are those of today's pages; else run make screenshots and look at them", () => {
    const { made_from } = JSON.parse(readFileSync(join(ROOT, "docs/admin/pictures.json"), "utf8")) as { made_from: string };
    assert.equal(made_from, pagesDigest());
  });
});

describe("names that would do something", () => {
  it("a client named like a script is shown and does not run", async () => {
    let ran = false;
    tab.on("dialog", (dialog) => {
      ran = true;
      void dialog.dismiss();
    });
    for (const name of ["clients", "client-hostile", "changes", "audit"]) await open(pages[name]!);
    await open(pages["client-hostile"]!);
    assert.ok((await heading(tab)).includes(HOSTILE.client));
    assert.equal(ran, false);
  });

  it("a user's name that turns the line around stays within itself", async () => {
    await open(pages["accounts"]!);
    const isolated = await tab.$$eval("bdi", (all, name) => all.some((e) => e.textContent === name), HOSTILE.user);
    assert.ok(isolated);
  });
});

describe("without script", () => {
  let plain: Page;
  before(async () => {
    const context = await w.session.browser.createBrowserContext();
    plain = await context.newPage();
    await plain.setJavaScriptEnabled(false);
    await plain.goto(`${usher.admin}/admin`);
    await signIn(plain, OPERATOR.username, OPERATOR.password);
    await until("the admin pages", () => plain.url().startsWith(`${usher.admin}/admin`));
  });

  it("the wizard makes a client, keeps what was typed, and says what is wrong beside the field", async () => {
    await plain.goto(`${usher.admin}/admin/clients/new?kind=spa`);
    await fill(plain, "name", "Plain");
    await fill(plain, "id", "plain");
    await fill(plain, "allowed_origins", "shop.example.com");
    await press(plain, "Continue");
    const problem = await plain.$eval("#f-allowed_origins", (e) => document.getElementById(e.getAttribute("aria-describedby")!.split(" ").at(-1)!)?.textContent ?? "");
    assert.match(problem, /shop\.example\.com/);
    assert.equal(await plain.$eval("#f-name", (e) => (e as HTMLInputElement).value), "Plain");
    await fill(plain, "allowed_origins", "https://plain.example.com");
    await press(plain, "Continue");
    await press(plain, "Make the client");
    assert.equal(await heading(plain), "The client is there");
  });

  it("two operators change one client: the second is told and shown the difference, and can go on", async () => {
    await plain.goto(`${usher.admin}/admin/clients/plain/edit`);
    await fill(plain, "name", "Mine");
    await usher.cli(["client", "change", "plain", "--name", "Theirs"]);
    await press(plain, "Save");
    const text = await plain.$eval("main", (e) => e.textContent);
    assert.match(text, /Theirs/);
    assert.match(text, /Mine/);
    assert.match(await usher.cli(["client", "show", "plain"]), /Theirs/, "nothing is overwritten unseen");
  });

  it("a destructive step asks first, and says what ends", async () => {
    await plain.goto(`${usher.admin}/admin/clients/plain`);
    await press(plain, "Remove");
    assert.match(await plain.$eval("main", (e) => e.textContent), /ends/);
    await Promise.all([plain.waitForNavigation(), plain.click("main form button.danger")]);
    await assert.rejects(usher.cli(["client", "show", "plain"]));
  });

  it("every page has its content and leads on", async () => {
    for (const [name, way] of Object.entries(pages)) {
      if (typeof way !== "string") continue;
      const response = await plain.goto(way);
      assert.ok(response && response.status() < 500, name);
      assert.ok((await plain.$eval("main", (e) => e.textContent.trim().length)) > 20, name);
      assert.ok(name === "no-such-page" || name === "api" || (await plain.$$("nav a")).length > 8, `${name} has no navigation`);
    }
  });
});

describe("by keyboard", () => {
  it("g and a letter go to a section, / to the search, ? to the list of shortcuts, and none while typing", async () => {
    await open(pages["overview"]!);
    const key = await tab.$eval('nav a[href="/admin/clients"]', (e) => (e as HTMLElement).dataset["key"]!);
    await tab.keyboard.press("g");
    await Promise.all([tab.waitForNavigation(), tab.keyboard.press(key as "c")]);
    assert.equal(new URL(tab.url()).pathname, "/admin/clients");
    await tab.keyboard.press("/");
    assert.equal(await tab.evaluate(() => document.activeElement?.matches("[data-search]")), true);
    await tab.keyboard.type("g?n");
    assert.equal(await tab.$eval("[data-search]", (e) => (e as HTMLInputElement).value), "g?n");
    await tab.evaluate(() => (document.activeElement as HTMLElement).blur());
    await tab.keyboard.type("?");
    await tab.waitForSelector("dialog[open]");
    await tab.keyboard.press("Escape");
    await until("the dialog to close", async () => (await tab.$("dialog[open]")) === null);
  });
});

describe("the try-it panel", () => {
  it("runs the flow of a client in the page, and shows each message but no token", async () => {
    await usher.cli(["client", "add", "trial", "--origin", "https://trial.example.com", "--scope", "openid"]);
    await tab.goto(`${usher.admin}/admin/clients/trial/try`);
    await Promise.all([tab.waitForNavigation(), tab.click("main form button.primary")]);
    await tab.click("[data-ask=silent]");
    await until("a silent answer", async () => {
      const text = await tab.$eval("main", (e) => (e as HTMLElement).innerText);
      return /success|interaction_required/.test(text);
    });
    assert.ok(!/usher_at_[\w-]{40}/.test(await tab.content()));
  });
});
