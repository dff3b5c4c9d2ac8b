// What users get in six browsers, cell by cell: the table in README.md, as this run made it. Each cell is proven by what the app
// got, by what the server wrote down, and by how often the app's page was loaded.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { call, COLUMNS, settled, signInIn, start, startColumn, type Column, type ColumnName, type Tab } from "../harness/columns.ts";
import { ROOT } from "../harness/paths.ts";
import { serve, type Site } from "../harness/site.ts";
import { starting, type Settled } from "../harness/user.ts";
import { introspect, startDemo, type Usher } from "../harness/usher.ts";
import { until } from "../harness/wait.ts";
import { appPage } from "../harness/world.ts";

const ROWS = [
  "first sign-in without leaving the page",
  "renewal in the tab, silent, again and again",
  "after a reload, and in a second tab, silent",
  "a second app on a third site, user signed in first-party (window, redirect)",
  "a second app, user signed in only inside the first app's frame",
  "a second app that includes the preflight script, user signed in first-party",
  "logout in one place: every tab and app of that session is out, tokens inactive",
  "server on the app's own site (another port, https)",
] as const;

const SILENT = "silent";
const ONE_CLICK = "one click, no password";
const REDIRECT = "page redirect";
const AFTER_REDIRECT = "silent after the page redirect";
/** Where the frame keeps no cookie, its page moves the sign-in to a window: the others show the form. */
const MOVED = "one click (the sign-in was moved to a window)";

/** What each cell has to come to. */
const EXPECTED: Record<ColumnName, readonly string[]> = {
  CrOpen: ["yes", "yes", "yes", SILENT, SILENT, SILENT, "yes", SILENT],
  CrBlk: ["yes", "yes", "yes", ONE_CLICK, "sign in again", AFTER_REDIRECT, "yes", SILENT],
  Ff5: ["yes", "yes", "yes", ONE_CLICK, "sign in again", AFTER_REDIRECT, "yes", SILENT],
  Ff1: ["yes", "yes", REDIRECT, ONE_CLICK, MOVED, AFTER_REDIRECT, "yes", SILENT],
  WkDef: ["yes", "yes", "yes", SILENT, SILENT, SILENT, "yes", SILENT],
  WkItp: ["yes", "yes", REDIRECT, ONE_CLICK, MOVED, AFTER_REDIRECT, "yes", SILENT],
};

const found: Record<string, string[]> = {};

/** The table as Markdown, of what was found. */
function table(): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(["", ...COLUMNS]),
    line(["---", ...COLUMNS.map(() => "---")]),
    ...ROWS.map((row, i) => line([row, ...COLUMNS.map((name) => found[name]?.[i] ?? "not run")])),
  ].join("\n");
}

let usher: Usher;
let app: Site;
let own: Site;
before(async () => {
  usher = await startDemo();
  app = await serve({});
  own = await serve({}, { tls: true });
  await usher.client("first", [app.byAddress, own.origin]);
  await usher.client("second", [app.bySecondAddress, own.origin]);
  const atStart = (clientId: string): string =>
    // As apps do: once at their start without the user, and a button for the rest.
    appPage(usher, { clientId }).replace("</body>", `<script>${starting("assistant.fetchTokens()")}</script></body>`);
  app.pages["/"] = own.pages["/"] = atStart("first");
  app.pages["/second"] = own.pages["/second"] = atStart("second");
  const preflight = `<script src="${usher.server}/authn/anonymous/resources/js/preflight.min.js" data-autoload="true"></script>`;
  app.pages["/preflight"] = atStart("second").replace("<body>", `<body>${preflight}`);
});
after(async () => {
  await app.close();
  await own.close();
  await usher.stop();
});

/** How often the server wrote down each event so far. */
async function events(): Promise<{ signIns: number; tickets: number; signOuts: number }> {
  const printed = await usher.cli(["audit", "list", "--json", "--limit", "1000"]);
  const count = (event: string): number => printed.split(`"event":"${event}"`).length - 1 + (printed.split(`"event": "${event}"`).length - 1);
  return { signIns: count("sign_in"), tickets: count("session_admitted"), signOuts: count("sign_out") };
}

/** Opens the page and tells what its own silent request came to, once the page is at rest, and how often it was loaded. */
async function arrived(tab: Tab, site: Site, path: string, act: () => Promise<unknown>, over = "true"): Promise<{ first: Settled; loads: number }> {
  const loads = (): number => site.requests.filter((each) => each === `GET ${path}`).length;
  const before = loads();
  await act();
  let seen = -1;
  // Where the page goes away its answer does, too: only one that is there twice, on the same page, is the last.
  const first = await until("the page to be at rest", async () => {
    const settled = (await tab.run("return document.readyState === 'complete' && !location.href.includes('preflight?') && " + over + " && window.__settled")) as Settled | undefined;
    const steady = settled && seen === loads();
    seen = settled ? loads() : -1;
    if (settled && !steady) await new Promise((resolve) => setTimeout(resolve, 300));
    return steady ? settled : undefined;
  }, 20_000);
  return { first, loads: loads() - before };
}

const token = (result: Settled): string => String(result.value["token"] ?? "");
const active = async (text: string): Promise<boolean> => (await introspect(usher, text))["active"] === true;

function got(result: Settled): string {
  assert.equal(result.outcome, "resolved", JSON.stringify(result));
  return token(result);
}

/** Whether the framed page offers a window, once it is loaded. */
async function offersWindow(tab: Tab): Promise<boolean> {
  return (await until("the framed page", async () => {
    const offer = await tab.inFrame("return document.readyState === 'complete' && !document.documentElement.hasAttribute('data-guard') && { open: document.querySelector('#offer')?.hidden === false }");
    return offer as { open: boolean } | false;
  })).open;
}

/** Clicks "continue" in the frame, and signs in in the window where it asks; tells whether it did. */
async function throughWindow(tab: Tab): Promise<boolean> {
  await offersWindow(tab);
  let over = false;
  const click = async (): Promise<void> => void (over || (await tab.clickInFrame("#continue")));
  // Where there is nothing to ask, the window is gone before some drivers have seen it: then the app has its answer.
  const answered = until("the app to have its answer", () => tab.run("return window.__settled !== undefined"), 20_000).then(() => undefined);
  const window = await Promise.race([tab.windowOpenedBy(click), answered]);
  over = true;
  answered.catch(() => undefined); // who signs in may take longer
  if (!window) return false;
  let asked = false;
  await until("the window to be through", async () => {
    if (await window.isClosed()) return true;
    const form = await window.run("return document.readyState === 'complete' && document.querySelector('#username') !== null").catch(() => false);
    if (form && !asked) {
      asked = true;
      await signInIn(window.run, usher);
    }
    return window.isClosed();
  }, 20_000);
  return asked;
}

/** Signs in at the server itself, as a page of its own. */
async function signInFirstParty(column: Column): Promise<void> {
  const address = `${usher.server}/oauth/v2/oauth-assisted-token?client_id=first&for_origin=${encodeURIComponent(app.byAddress)}`;
  const tab = await column.open(address);
  if (await tab.run("return document.querySelector('#username') !== null")) {
    await signInIn(tab.run, usher);
    await until("the sign-in to be over", () => tab.run("return document.readyState === 'complete' && !document.querySelector('#username')"));
  }
  await tab.close();
}

/** What a second app comes to, and by how much of the user's doing. */
async function second(column: Column, site: Site, origin: string, path = "/second"): Promise<{ outcome: string; tab: Tab; text: string }> {
  const before = await events();
  const tab = await column.open("about:blank");
  // The preflight takes its time to find out, so where it is to go the page is at rest only when it was there.
  const flown = path === "/preflight" && EXPECTED[column.name][5] === AFTER_REDIRECT ? "sessionStorage.getItem('usher.preflight') === '2'" : "true";
  const { first, loads } = await arrived(tab, site, path, () => tab.goto(origin + path), flown);
  let outcome = loads > 1 ? AFTER_REDIRECT : SILENT;
  let result = first;
  if (first.outcome === "rejected") {
    assert.equal(first.value["error"], "interaction_required", JSON.stringify(first));
    await start(tab, "assistant.loginIfRequired()");
    assert.equal(await offersWindow(tab), true, "where a silent request fails the frame offers a window");
    outcome = (await throughWindow(tab)) ? "sign in again" : ONE_CLICK;
    result = await settled(tab);
  }
  const text = got(result);
  assert.equal(await active(text), true);
  const now = await events();
  assert.equal(now.signIns - before.signIns, outcome === "sign in again" ? 1 : 0, `${outcome}: sign-ins that the server saw`);
  if (outcome === ONE_CLICK || outcome === AFTER_REDIRECT) assert.equal(now.tickets - before.tickets, 1, `${outcome}: tickets that the server saw`);
  return { outcome, tab, text };
}

for (const name of COLUMNS) {
  describe(name, () => {
    let column: Column;
    const cells: string[] = (found[name] = []);
    const fresh = async (): Promise<void> => {
      await column?.close();
      column = await startColumn(name);
    };
    before(fresh);
    after(() => column.close());

    /** Signs in to the first app as its frame suggests: in the form, or in the window where that is the better way. */
    const signInToFirst = async (): Promise<{ tab: Tab; result: Settled; moved: boolean }> => {
      const tab = await column.open("about:blank");
      await arrived(tab, app, "/", () => tab.goto(`${app.byAddress}/`));
      await start(tab, "assistant.loginIfRequired()");
      await offersWindow(tab);
      const moved = (await tab.inFrame("return document.querySelector('#continue')?.textContent")) === "Sign in in a window" && (await offersWindow(tab));
      if (moved) assert.equal(await throughWindow(tab), true);
      else await signInIn(tab.inFrame, usher);
      return { tab, result: await settled(tab), moved };
    };
    const cell = (row: number, come: () => Promise<string>): void => {
      it(ROWS[row] ?? "", async () => {
        cells[row] = "failed";
        cells[row] = await come();
        assert.equal(cells[row], EXPECTED[name][row]);
      });
    };

    let tab: Tab;
    cell(0, async () => {
      const before = await events();
      const signedIn = await signInToFirst();
      tab = signedIn.tab;
      assert.equal(await active(got(signedIn.result)), true);
      assert.equal((await events()).signIns - before.signIns, 1);
      assert.equal(await tab.url(), `${app.byAddress}/`);
      return "yes";
    });

    cell(1, async () => {
      const tokens = new Set<string>();
      for (let round = 1; round <= 4; round++) tokens.add(got(await call(tab, "assistant.fetchTokens()")));
      assert.equal(tokens.size, 4);
      for (const each of tokens) assert.equal(await active(each), true);
      return "yes";
    });

    cell(2, async () => {
      const before = await events();
      const place = `${app.byAddress}/?a=b&c=%20d#here/and?there`;
      await tab.goto(place);
      const reloaded = await arrived(tab, app, "/", () => tab.reload());
      const other = await column.open("about:blank");
      const opened = await arrived(other, app, "/", () => other.goto(place));
      for (const { first } of [reloaded, opened]) assert.equal(await active(got(first)), true);
      for (const each of [tab, other]) assert.equal(await each.url(), place);
      const now = await events();
      assert.equal(now.signIns, before.signIns);
      await other.close();
      assert.equal(reloaded.loads, opened.loads);
      if (reloaded.loads === 1) return "yes";
      assert.equal(reloaded.loads, 2, "once there and back");
      return REDIRECT;
    });

    cell(4, async () => {
      const { moved } = await signedInAnew(fresh, signInToFirst);
      const { outcome } = await second(column, app, app.bySecondAddress);
      return moved && outcome === ONE_CLICK ? MOVED : outcome;
    });

    cell(3, async () => {
      await fresh();
      await signInFirstParty(column);
      return (await second(column, app, app.bySecondAddress)).outcome;
    });

    cell(5, async () => {
      await fresh();
      await signInFirstParty(column);
      return (await second(column, app, app.bySecondAddress, "/preflight")).outcome;
    });

    cell(6, async () => {
      await fresh();
      await signInFirstParty(column);
      const tabs: Tab[] = [];
      const tokens: string[] = [];
      for (let n = 0; n < 2; n++) {
        const each = await column.open("about:blank"); // in front: what is behind gets no clicks
        tabs.push(each);
        const { first } = await arrived(each, app, "/", () => each.goto(`${app.byAddress}/`));
        let result = first;
        if (first.outcome === "rejected") {
          await start(each, "assistant.loginIfRequired()");
          assert.equal(await throughWindow(each), false);
          result = await settled(each);
        }
        tokens.push(got(result));
      }
      const elsewhere = await second(column, app, app.bySecondAddress);
      tokens.push(elsewhere.text);
      for (const each of tokens) assert.equal(await active(each), true);
      const before = await events();
      assert.equal((await call(tabs[0]!, "assistant.logout()")).outcome, "resolved");
      assert.equal((await events()).signOuts - before.signOuts, 1);
      for (const each of tokens) assert.equal(await active(each), false);
      await until("the other tab of the app to know", () => tabs[1]!.run("return !assistant.isAuthenticated()"));
      for (const each of [...tabs, elsewhere.tab]) {
        assert.equal((await call(each, "assistant.fetchTokens()")).value["error"], "interaction_required");
      }
      return "yes";
    });

    cell(7, async () => {
      await fresh();
      const first = await column.open("about:blank");
      await arrived(first, own, "/", () => first.goto(`${own.origin}/`));
      await start(first, "assistant.loginIfRequired()");
      assert.equal(await offersWindow(first), false);
      await signInIn(first.inFrame, usher);
      got(await settled(first));
      const reloaded = await arrived(first, own, "/", () => first.reload());
      assert.equal(await active(got(reloaded.first)), true);
      assert.equal(reloaded.loads, 1);
      return (await second(column, own, own.origin)).outcome;
    });
  });
}

/** A browser in which nobody was signed in before, and then somebody is, to the first app. */
async function signedInAnew<T>(fresh: () => Promise<void>, signIn: () => Promise<T & { result: Settled }>): Promise<T> {
  await fresh();
  const made = await signIn();
  got(made.result);
  return made;
}

describe("README.md", () => {
  it("shows the table as this run made it", () => {
    console.log(table());
    assert.ok(readFileSync(join(ROOT, "README.md"), "utf8").includes(table()), `README.md needs this table:\n${table()}`);
  });
});
