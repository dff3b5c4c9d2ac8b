// A page of an origin that no client lists, in six browsers: it gets nothing, ends nothing, makes nothing go round, and sees the
// same whoever is signed in. And things that somebody copied on their way: they are worth nothing elsewhere.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { call, COLUMNS, settled, signInIn, start, startColumn, type Column, type ColumnName, type Tab } from "../harness/columns.ts";
import { page, serve, type Site } from "../harness/site.ts";
import { starting } from "../harness/user.ts";
import { fetchFrom, introspect, startDemo, type Usher } from "../harness/usher.ts";
import { until } from "../harness/wait.ts";
import { appPage } from "../harness/world.ts";

let usher: Usher;
/** Both the app, at its first address, and the stranger, at its second: two sites, and the server is on a third. */
let site: Site;
let app: string;
let stranger: string;

/** What the stranger's page does and sees. It uses nothing but what every page may. */
const STRANGER = (appOrigin: string): string => `
  window.heard = [];
  addEventListener("message", (e) => heard.push(e.data));
  /** All that was said to this page, but for its own pings. */
  window.told = () => heard.filter((data) => !/^ping/.test(data));
  let pings = 0;
  let echo;
  /** A frame of another site asks its own server something, and says so: what was under way before that has had its time. */
  window.ping = async () => {
    if (!echo) {
      echo = document.createElement("iframe");
      echo.src = ${JSON.stringify(appOrigin)} + "/ping";
      document.body.append(echo);
      await new Promise((resolve) => (echo.onload = resolve));
    }
    const word = "ping" + ++pings;
    await new Promise((resolve) => {
      addEventListener("message", function hear(e) {
        if (e.data !== word) return;
        removeEventListener("message", hear);
        resolve();
      });
      echo.contentWindow.postMessage(word, "*");
    });
  };
  window.post = (target, { action, fields }) => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action, target });
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("input");
      Object.assign(input, { name, value });
      form.append(input);
    }
    document.body.append(form);
    form.submit();
  };
  /** Frames all at once, each until it has loaded, and tells what can be seen of each. */
  window.frameAll = async (cases) => {
    const frames = cases.map(({ name, hidden, url, form }) => {
      const frame = document.createElement("iframe");
      const seen = { name, loads: 0, errors: 0 };
      frame.name = name;
      frame.hidden = Boolean(hidden);
      const loaded = new Promise((resolve) => {
        // The empty page that a frame begins with can be read, what comes then can not.
        frame.onload = () => frame.contentDocument === null && resolve(seen.loads++);
        frame.onerror = () => resolve(seen.errors++);
      });
      if (url) frame.src = url;
      document.body.append(frame);
      if (form) post(name, form);
      return { frame, seen, loaded };
    });
    await Promise.all(frames.map(({ loaded }) => loaded));
    await ping();
    const all = frames.map(({ frame, seen }) => ({ ...seen, length: frame.contentWindow.length }));
    for (const { frame } of frames) frame.remove();
    return all;
  };
  window.violated = [];
  addEventListener("securitypolicyviolation", (e) => violated.push(e.effectiveDirective + " " + new URL(e.blockedURI, location).origin));
  /** Frames one after the other, each until it has loaded or the page's policy has refused where it was sent on to. */
  window.framePoliced = async (cases) => {
    const all = [];
    for (const { name, url, form } of cases) {
      const frame = document.createElement("iframe");
      frame.name = name;
      const before = violated.length;
      await new Promise((resolve) => {
        addEventListener("securitypolicyviolation", resolve, { once: true });
        frame.onload = () => frame.contentDocument === null && resolve();
        if (url) frame.src = url;
        document.body.append(frame);
        if (form) post(name, form);
      });
      all.push([name, ...violated.slice(before)]);
      frame.remove();
    }
    return all;
  };
  /** What a request with cookies comes to, by each way of asking. */
  window.fetchAll = async (cases) => {
    const all = [];
    for (const { name, url, form } of cases) {
      for (const more of [{}, { mode: "no-cors", redirect: "manual" }]) {
        const sent = form ? { method: "POST", body: new URLSearchParams(form.fields) } : {};
        const seen = await fetch(form ? form.action : url, { credentials: "include", ...sent, ...more })
          .then(async (r) => [r.type, r.status, await r.text()], (error) => [error.name]);
        all.push({ name, mode: more.mode ?? "cors", seen });
      }
    }
    return all;
  };
`;

const OPEN = `<button id="open" onclick="window.win = window.open('/back')">Open</button>`;

let challenge: string;
let verifier: string;
let mallory: { cookies: string; sub: string };

before(async () => {
  usher = await startDemo();
  site = await serve({});
  app = site.byAddress;
  stranger = site.bySecondAddress;
  await usher.client("app", [app], "--scope", "openid profile", "--post-logout-redirect-uri", `${app}/bye`);
  const atStart = `<iframe src="/inner"></iframe><script>${starting("assistant.fetchTokens()")}</script></body>`;
  const pages = site.pages;
  // An app as they are: it asks silently at its start, and has a frame, which a window's opener can count. It keeps its address
  // for the test, which a page of the app could not: the library takes the ticket out before.
  pages["/app"] = appPage(usher, { clientId: "app" }).replace("<body>", "<body><script>window.first = location.hash</script>").replace("</body>", atStart);
  pages["/popup"] = appPage(usher, { clientId: "app", presentation: "popup" }).replace("</body>", `<script>document.querySelector("button").onclick = () => { ${starting("assistant.login()")} }</script></body>`);
  // The same under a policy that cuts the page and the window apart.
  pages["/cut"] = (_request, response) => {
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Cross-Origin-Opener-Policy": "same-origin" });
    response.end(pages["/popup"]);
  };
  pages["/plain"] = pages["/bye"] = page("A page of the app", `<iframe src="/inner"></iframe>`);
  pages["/inner"] = page("Inner", "");
  pages["/ping"] = page("Ping", `<script>onmessage = async ({ data }) => { await fetch("/inner"); parent.postMessage(data, "*"); }</script>`);
  pages["/stranger"] = page("Somebody else", `${OPEN}<script>${STRANGER(app)}</script>`);
  // A policy of its own tells a page where a frame was redirected to.
  const policy = `<meta http-equiv="Content-Security-Policy" content="frame-src ${usher.server}">`;
  pages["/policed"] = page("Somebody else", `<script>${STRANGER(app)}</script>`).replace("<head>", `<head>${policy}`);
  pages["/back"] = page("Back", "");
  pages["/caught"] = page("Caught", "");
  // The form waits until the page is loaded: then it makes an entry of the history as each navigation does.
  pages["/post"] = page("Post", `<script>${STRANGER(app)}; onload = () => setTimeout(() => post("", JSON.parse(decodeURIComponent(location.hash.slice(1)))))</script>`);
  pages["/disown"] = page("Disown", `<script>opener = null; onload = () => setTimeout(() => location.replace(decodeURIComponent(location.hash.slice(1))))</script>`);
  verifier = randomBytes(32).toString("base64url");
  challenge = createHash("sha256").update(verifier).digest("base64url");
  mallory = await attacker();
});
after(async () => {
  await site.close();
  await usher.stop();
});

const ASSISTED = "/oauth/v2/oauth-assisted-token";
const at = (path: string, query: Record<string, string>): string => `${usher.server}${path}?${new URLSearchParams(query).toString()}`;
const assisted = (query: Record<string, string> = {}): string => at(ASSISTED, { client_id: "app", for_origin: app, ...query });
const bound = (back: string): Record<string, string> => ({ ticket_challenge: challenge, return_to: back });
const preflight = (back: string): string => at("/authn/anonymous/preflight", { client_id: "app", for_origin: app, ...bound(back) });
const logout = (query: Record<string, string> = {}): string => at("/oauth/v2/oauth-session/logout", { client_id: "app", ...query });

interface Case {
  name: string;
  url?: string;
  hidden?: boolean;
  form?: { action: string; fields: Record<string, string> };
}

/** The sealed flow of a framed page that the stranger fetched by themselves, as the address of the window that it offers. */
async function windowOf(client: string): Promise<string> {
  const { body } = await fetchFrom(usher, assisted({ client_id: client }), { headers: { "Sec-Fetch-Dest": "iframe" } });
  const address = /data-open="([^"]+)"/.exec(body)?.[1]?.replaceAll("&amp;", "&");
  assert.ok(address, "the framed page offers a window");
  return `${usher.server}${address}`;
}

/** A client whose users must agree: each browser has one of its own, since an agreement outlives it. */
const theirsIn = (column: Column): string => `theirs-${column.name}`;

/** All that a stranger can ask the server for. */
async function cases(column: Column): Promise<Case[]> {
  const theirs = await windowOf(theirsIn(column));
  return [
    { name: "sign-in", url: assisted() },
    { name: "sign-in, hidden", url: assisted(), hidden: true },
    { name: "silent, hidden", url: assisted({ prompt: "none" }), hidden: true },
    { name: "silent, for the stranger", url: assisted({ prompt: "none", for_origin: stranger }) },
    { name: "sign-in with a ticket", url: assisted(bound(`${app}/app`)) },
    { name: "sign-in with a ticket, back to the stranger", url: assisted(bound(`${stranger}/caught`)) },
    { name: "silent with a ticket", url: assisted({ prompt: "none", ...bound("") }) },
    { name: "silent with a ticket, for the stranger", url: assisted({ prompt: "none", for_origin: stranger, ...bound(`${stranger}/caught`) }) },
    { name: "ticket", url: at(`${ASSISTED}/ticket`, { client_id: "app", for_origin: app, prompt: "none" }) },
    { name: "ticket, for the stranger", url: at(`${ASSISTED}/ticket`, { client_id: "app", for_origin: stranger, prompt: "none" }) },
    { name: "window", url: theirs },
    { name: "window with a ticket", url: `${theirs}&ticket_challenge=${challenge}` },
    { name: "preflight", url: preflight(`${app}/app`) },
    { name: "preflight, without a client", url: at("/authn/anonymous/preflight", { return_to: `${app}/plain` }) },
    { name: "preflight, back to the stranger", url: preflight(`${stranger}/caught`) },
    { name: "preflight check", url: at("/authn/anonymous/preflight/check", { for_origin: app }) },
    { name: "preflight check, for the stranger", url: at("/authn/anonymous/preflight/check", { for_origin: stranger }) },
    { name: "logout", url: logout() },
    { name: "logout for the app", url: logout({ for_origin: app }) },
    { name: "logout for the stranger", url: logout({ for_origin: stranger }) },
    { name: "logout and on", url: logout({ post_logout_redirect_uri: `${app}/bye` }) },
    { name: "logout by form", form: { action: logout(), fields: { client_id: "app", confirm: "yes" } } },
    { name: "logout by form for the app", form: { action: logout(), fields: { client_id: "app", for_origin: app, confirm: "yes" } } },
  ];
}

/** What requests alone can ask for besides. */
const requests = (): Case[] => [
  { name: "renewal", form: { action: `${usher.server}${ASSISTED}/renewal`, fields: { client_id: "app", for_origin: app, renewal_handle: "x" } } },
  { name: "renewal, for the stranger", form: { action: `${usher.server}${ASSISTED}/renewal`, fields: { client_id: "app", for_origin: stranger, renewal_handle: "x" } } },
];

interface Rest {
  born: number;
  place: string;
  /** The kind of page of the server. */
  page: string;
}

/** Where the window is once nothing moves any more: the same page before and after a ping. Undefined where it was closed. */
async function atRest(win: Tab, by: Tab): Promise<Rest | undefined> {
  const look = async (): Promise<Rest | false> =>
    (await win.run(`
      if (document.readyState !== "complete" || document.documentElement.hasAttribute("data-guard")) return false;
      if (["/back", "/post", "/disown"].includes(location.pathname) || location.protocol === "about:") return false;
      if ("assistant" in window && window.__settled === undefined) return false;
      return { born: performance.timeOrigin, place: location.origin + location.pathname + location.hash, page: document.querySelector("main")?.dataset.page ?? "" };`)) as Rest | false;
  return (await until("the window to be at rest", async () => {
    if (await win.isClosed()) return { rest: undefined };
    const first = await look();
    if (!first) return false;
    await by.run("await ping()");
    const then = await look();
    return then && then.born === first.born && { rest: then };
  }, 20_000)).rest;
}

interface Seen {
  frames: unknown;
  policed: unknown;
  requests: unknown;
  windows: Record<string, { closed: boolean; length: number; history: number }>;
  disowned: Record<string, { closed: boolean; length: number }>;
  told: unknown[];
}

interface Round {
  /** What the stranger's page can see. */
  seen: Seen;
  /** What only the test can: where the windows came to rest, and how often the app's pages were loaded meanwhile. */
  rests: Record<string, Rest | undefined>;
  loads: Record<string, number>;
}

const loadsOf = (path: string): number => site.requests.filter((each) => each === `GET ${path}`).length;

/** Runs what takes its time in the page, longer than a driver waits for an answer. */
async function inPage(tab: Tab, expression: string): Promise<unknown> {
  await tab.run(`window.__done = undefined; (${expression}).then((value) => (window.__done = { value }), (error) => (window.__done = { value: String(error) }))`);
  return ((await until(expression.slice(0, 40), () => tab.run("return window.__done"), 30_000)) as { value: unknown }).value;
}

/** All that a stranger can do, and all that they see of it. */
async function round(column: Column): Promise<Round> {
  const all = await cases(column);
  const text = JSON.stringify(all);
  const before = { "/app": loadsOf("/app"), "/caught": loadsOf("/caught"), "/stranger": loadsOf("/stranger") };

  const policed = await column.open(`${stranger}/policed`);
  const byPolicy = await inPage(policed, `framePoliced(${text})`);
  await policed.close();

  const tab = await column.open(`${stranger}/stranger`);
  const frames = await inPage(tab, `frameAll(${text})`);
  const requested = await inPage(tab, `fetchAll(${JSON.stringify([...all, ...requests()])})`);
  const win = await tab.windowOpenedBy(() => tab.click("#open"));
  const backAt = `try { if (win.location.pathname === "/back" && win.document.readyState === "complete") return { history: win.history.length } } catch {} return false`;
  const back = async (): Promise<number> => ((await until("the window to be back", () => tab.run(backAt))) as { history: number }).history;
  let history = await back();
  const windows: Seen["windows"] = {};
  const rests: Round["rests"] = {};
  const go = (url: string): Promise<unknown> => tab.run(`win.location = ${JSON.stringify(url)}`);
  for (const { name, url, form } of all.filter((each) => !each.hidden)) {
    await go(url ?? `/post#${encodeURIComponent(JSON.stringify(form))}`);
    rests[name] = await atRest(win, tab);
    const seen = (await tab.run("return { closed: win.closed, length: win.length }")) as { closed: boolean; length: number };
    assert.equal(seen.closed, false, `${name}: a stranger's window stays open`);
    await go("/back");
    const now = await back();
    windows[name] = { ...seen, history: now - history };
    history = now;
  }
  await win.close();
  // A window that has let go of its opener looks to the server like one that the two were cut apart in; the opener still sees it.
  const disowned: Seen["disowned"] = {};
  for (const name of ["sign-in with a ticket", "logout and on"]) {
    const url = all.find((each) => each.name === name)?.url ?? "";
    const alone = await tab.windowOpenedBy(() => tab.click("#open"));
    await back();
    await go(`/disown#${encodeURIComponent(url)}`);
    rests[`${name}, disowned`] = await atRest(alone, tab);
    disowned[name] = (await tab.run("return { closed: win.closed, length: win.length }")) as { closed: boolean; length: number };
    await alone.close();
  }
  const told = (await tab.run("return told()")) as unknown[];
  await tab.close();
  const loads = Object.fromEntries(Object.entries(before).map(([path, count]) => [path, loadsOf(path) - count]));
  return { seen: { frames, policed: byPolicy, requests: requested, windows, disowned, told }, rests, loads };
}

/** Where two things that were seen are not the same. */
function differences(one: unknown, other: unknown, at = ""): string[] {
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return Object.is(one, other) ? [] : [`${at}: ${String(one)}, ${String(other)}`];
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].flatMap((key) => differences(one[key as keyof typeof one], other[key as keyof typeof other], `${at}/${key}`));
}

/** Whatever a stranger has seen: no word of the server, and no answer that can be read. */
function gotNothing({ seen, loads }: Round): void {
  assert.deepEqual(seen.told, []);
  assert.equal(loads["/caught"], 0, "nothing is sent on to the stranger");
  for (const { name, mode, seen: answer } of seen.requests as { name: string; mode: string; seen: unknown[] }[]) {
    // What no-cors gives is empty, whatever was answered.
    if (mode === "cors") assert.deepEqual(answer, ["TypeError"], name);
    else if (answer.length > 1) assert.deepEqual(answer.slice(1), [0, ""], name);
  }
}

/** An account of the attacker's own, and a browser of theirs: nothing but its cookies. */
async function attacker(): Promise<{ cookies: string; sub: string }> {
  await usher.cli(["user", "add", "mallory"], { input: `${usher.password}\n` });
  const jar = new Map<string, string>();
  const ask = async (url: string, body?: Record<string, string>): ReturnType<typeof fetchFrom> => {
    const headers = { "Sec-Fetch-Dest": "document", Cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") };
    const answer = await fetchFrom(usher, url, { headers, ...(body && { method: "POST", body: new URLSearchParams(body).toString() }) });
    for (const line of answer.headers["set-cookie"] ?? []) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      jar.set(name, value);
    }
    return answer;
  };
  const flow = /name="flow" value="([^"]+)"/.exec((await ask(assisted())).body)?.[1] ?? "";
  const { body } = await ask(`${usher.server}/authn/authentication/password`, { flow, username: "mallory", password: usher.password });
  const sub = /"sub":"([^"]+)"/.exec(body)?.[1] ?? "";
  assert.ok(sub, body);
  return { cookies: [...jar].map(([name, value]) => `${name}=${value}`).join("; "), sub };
}

/** A ticket for the attacker's own session, still good. */
async function attackersTicket(): Promise<string> {
  const { headers } = await fetchFrom(usher, preflight(`${app}/app`), { headers: { "Sec-Fetch-Dest": "document", Referer: `${app}/`, Cookie: mallory.cookies } });
  const ticket = /#usher_ticket=([\w-]+)$/.exec(String(headers["location"]))?.[1];
  assert.ok(ticket, String(headers["location"]));
  return ticket;
}

/** How often the server wrote down a sign-in, and a session that a ticket brought somewhere. */
async function events(): Promise<Record<string, number>> {
  const printed = await usher.cli(["audit", "list", "--json", "--limit", "1000"]);
  return Object.fromEntries(["sign_in", "session_admitted", "sign_out"].map((event) => [event, printed.match(new RegExp(`"event": ?"${event}"`, "g"))?.length ?? 0]));
}

const active = async (token: unknown): Promise<boolean> => (await introspect(usher, String(token)))["active"] === true;

/** Opens a page of the app by a link of somebody else's; gives it once its own silent request has come to something. */
async function byLink(column: Column, url: string): Promise<{ tab: Tab; loads: number; sub: unknown }> {
  const before = loadsOf("/app");
  const tab = await column.open(url);
  await until("the app to be at work", () => tab.run("return document.readyState === 'complete' && location.pathname === '/app' && window.__settled !== undefined"), 15_000);
  return { tab, loads: loadsOf("/app") - before, sub: await tab.run("return assistant.getAdditionalData().sub ?? null") };
}

/** The window of an app's page that signs in in one; where the browser dropped the click, the note in the page has a button, too. */
function openedBy(tab: Tab): Promise<Tab> {
  return tab.windowOpenedBy(async () => {
    const noted = await tab.run("return document.querySelector('.usher-note button') !== null");
    await tab.click(noted ? ".usher-note button" : "button");
  });
}

/** The browsers in which the session's own cookie reaches a frame, and those in which the app's page goes to the server by itself. */
const BY_COOKIE: readonly ColumnName[] = ["CrOpen", "WkDef"];
const OWN_VISITS: readonly ColumnName[] = ["Ff1", "WkItp"];

/** Redeems a ticket as the library does, in whichever page this runs, and gives the server's last word. */
async function redeem(url: string, origin: string, ticket: string, verifier: string): Promise<Record<string, unknown>> {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.src = url;
  const answer = new Promise<Record<string, unknown>>((resolve) => {
    addEventListener("message", function hear(event: MessageEvent) {
      if (event.source !== frame.contentWindow) return;
      if (event.data.type === "ticket_ready") return frame.contentWindow?.postMessage({ type: "ticket", ticket, verifier }, origin);
      removeEventListener("message", hear);
      resolve(event.data);
    });
  });
  document.body.append(frame);
  const word = await answer;
  if (word["renewal_offered"] === true) {
    const { port1, port2 } = new MessageChannel();
    word["renewal_handle"] = await new Promise((resolve) => {
      port1.onmessage = (event) => resolve(event.data);
      frame.contentWindow?.postMessage({ type: "renewal" }, origin, [port2]);
    });
  }
  frame.remove();
  return word;
}

/** Makes what renews by a handle with a key of its own: in a page, or outside any browser. */
async function renewer(url: string, query: Record<string, string>, headers: Record<string, string>): Promise<{ jkt: string; renew(handle: string): Promise<Record<string, unknown>> }> {
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  const encode = (bytes: ArrayBuffer | Uint8Array): string => btoa(String.fromCharCode(...new Uint8Array(bytes as ArrayBuffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const text = (part: object): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(part));
  const { privateKey, publicKey } = await crypto.subtle.generateKey(curve, false, ["sign"]);
  const { crv, kty, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  const jwk = { crv, kty, x, y };
  const ask = (handle: string, more: Record<string, string>): Promise<Response> =>
    fetch(url, { method: "POST", body: new URLSearchParams({ ...query, renewal_handle: handle }), headers: { ...headers, ...more }, credentials: "omit" });
  return {
    jkt: encode(await crypto.subtle.digest("SHA-256", text(jwk))),
    renew: async (handle) => {
      const nonce = (await ask(handle, {})).headers.get("DPoP-Nonce");
      const head = encode(text({ typ: "dpop+jwt", alg: "ES256", jwk }));
      const body = encode(text({ jti: crypto.randomUUID(), htm: "POST", htu: url, iat: Math.floor(Date.now() / 1000), nonce }));
      const signed = new TextEncoder().encode(`${head}.${body}`);
      const proof = `${head}.${body}.${encode(await crypto.subtle.sign({ ...curve, hash: "SHA-256" }, privateKey, signed))}`;
      return (await (await ask(handle, { DPoP: proof })).json()) as Record<string, unknown>;
    },
  };
}

for (const name of COLUMNS) {
  describe(name, () => {
    let column: Column;
    let nobody: Round;
    let somebody: Round;
    let victim: Tab;
    let token: unknown;
    let sub: unknown;
    before(async () => {
      column = await startColumn(name, { expectViolations: true });
      await usher.client(theirsIn(column), [app], "--scope", "openid profile", "--consent");
      site.pages["/theirs"] = appPage(usher, { clientId: theirsIn(column) });
    });
    after(() => column.close());

    it("nobody is signed in: a stranger gets neither token nor ticket", async () => {
      nobody = await round(column);
      gotNothing(nobody);
    });

    it("an attacker's link signs nobody in, and leaves no ticket in the address", async () => {
      const before = await events();
      const { tab, loads, sub } = await byLink(column, `${app}/app#usher_ticket=${await attackersTicket()}`);
      assert.deepEqual([loads, sub, await tab.url()], [1, null, `${app}/app`]);
      assert.equal((await call(tab, "assistant.fetchTokens()")).value["error"], "interaction_required");
      assert.deepEqual(await events(), before);
      await tab.close();
    });

    it("the app's own window closes once the app has answered, and an attacker's ticket changes nothing in that", async () => {
      victim = await column.open(`${app}/popup`);
      const win = await openedBy(victim);
      await until("the sign-in", () => win.run("return document.querySelector('#username') !== null"));
      // Both pages of the app hear of it; the one that waits has no use for a ticket that it did not ask for.
      const link = await column.open(`${app}/app#usher_ticket=${await attackersTicket()}`);
      await until("the ticket to be out of the address", async () => (await link.url()) === `${app}/app`);
      await victim.run(`await new Promise((resolve) => {
        const frame = document.createElement("iframe");
        frame.src = "/inner";
        frame.onload = resolve;
        document.body.append(frame);
      })`);
      assert.equal(await victim.run("return window.__settled === undefined && !assistant.isAuthenticated()"), true);
      assert.equal(await win.isClosed(), false);
      await link.close();
      await signInIn(win.run, usher);
      const { outcome, value } = await settled(victim);
      assert.equal(outcome, "resolved", JSON.stringify(value));
      [token, sub] = [value["token"], value["sub"]];
      assert.equal(await active(token), true);
      assert.notEqual(sub, mallory.sub);
      await until("the window to be closed", () => win.isClosed());
    });

    it("the app's own window closes also where an opener policy has cut the two apart", async () => {
      const tab = await column.open(`${app}/cut`);
      // With nothing to ask the window is gone before some drivers have seen it: then the app has its answer.
      const win = await Promise.race([openedBy(tab).catch(() => undefined), settled(tab).then(() => undefined)]);
      const { outcome, value } = await settled(tab);
      assert.deepEqual([outcome, value["sub"]], ["resolved", sub], JSON.stringify(value));
      if (win) await until("the window to be closed", () => win.isClosed());
      await tab.close();
    });

    it("the framed page's window closes once that page has answered", async () => {
      const tab = await column.open(`${app}/theirs`);
      await start(tab, "assistant.login()");
      await until("the offer", () => tab.inFrame("return document.readyState === 'complete' && !document.documentElement.hasAttribute('data-guard') && document.querySelector('#continue') !== null"));
      const win = await tab.windowOpenedBy(() => tab.clickInFrame("#continue"));
      await until("the question or the end", async () => {
        if (await win.isClosed()) return true;
        return win.run("return document.readyState === 'complete' && document.querySelector('button[value=allow]') !== null");
      });
      if (!(await win.isClosed())) await win.click("button[value=allow]");
      const { outcome, value } = await settled(tab);
      assert.deepEqual([outcome, value["sub"]], ["resolved", sub], JSON.stringify(value));
      await until("the window to be closed", () => win.isClosed());
      await tab.close();
    });

    it("somebody is signed in: a stranger gets neither token nor ticket, and their windows stay open", async () => {
      somebody = await round(column);
      gotNothing(somebody);
      const pages = ["sign-in with a ticket", "sign-in with a ticket, back to the stranger", "window", "window with a ticket"].map((each) => somebody.rests[each]?.page);
      assert.deepEqual(pages, ["handover", "handover", "done", "done"], "the windows were at their ends, and had something to say");
    });

    it("a stranger sees the same whoever is signed in", () => {
      assert.deepEqual(differences(nobody.seen, somebody.seen), []);
    });

    it("a stranger makes no page go round", () => {
      for (const [who, { loads, rests }] of Object.entries({ nobody, somebody })) {
        assert.equal(loads["/stranger"], 1, who);
        assert.equal(rests["preflight"]?.place, `${app}/app`, who);
        const arrivals = Object.values(rests).filter((rest) => rest?.place === `${app}/app`).length;
        const least = arrivals + 1; // once for each window that came there, and once in a frame
        const own = OWN_VISITS.includes(name) ? arrivals : 0;
        assert.ok(loads["/app"]! >= least && loads["/app"]! <= least + own, `${who}: ${loads["/app"]} loads, ${arrivals} arrivals`);
      }
    });

    it("a stranger has ended no session", async () => {
      assert.equal(await active(token), true);
      const { outcome, value } = await call(victim, "assistant.fetchTokens()");
      assert.deepEqual([outcome, value["sub"]], ["resolved", sub], JSON.stringify(value));
      assert.equal(await active(value["token"]), true);
    });

    it("an attacker's way through the server brings the user to the app and changes nothing", async () => {
      const before = await events();
      const { tab, loads, sub: found } = await byLink(column, preflight(`${app}/app`));
      if (loads === 1) assert.equal(await tab.run("return window.first"), "#usher_ticket=", "no page of the app sent the user there");
      else assert.deepEqual([OWN_VISITS.includes(name), loads, found], [true, 2, sub], "the app's page went there itself, as it always does");
      assert.equal(await tab.url(), `${app}/app`);
      assert.ok(found === null || found === sub, String(found));
      assert.deepEqual({ ...(await events()), session_admitted: 0 }, { ...before, session_admitted: 0 });
      assert.equal(await active(token), true);
      await tab.close();
    });

    it("an attacker's link changes nothing for a user who is signed in", async () => {
      const before = await events();
      const { tab, loads, sub: found } = await byLink(column, `${app}/app#usher_ticket=${await attackersTicket()}`);
      assert.deepEqual([loads, await tab.url()], [1, `${app}/app`]);
      assert.ok(found === null || found === sub, String(found));
      assert.deepEqual(await events(), before);
      assert.equal((await call(victim, "assistant.fetchTokens()")).value["sub"], sub);
      await tab.close();
    });

    it("what was copied on its way is worth nothing to another page or key", async () => {
      const query = { client_id: "app", for_origin: app, prompt: "none" };
      const renewal = `${usher.server}${ASSISTED}/renewal`;
      // From the address of the app's page, and from the page that ends a window.
      const { tab } = await byLink(column, `${app}/app`);
      await tab.run(`window.left = true; setTimeout(() => { location.href = ${JSON.stringify(preflight(`${app}/app`))}; })`);
      await until("the page to be back", () => tab.run("return document.readyState === 'complete' && window.left === undefined && /^#usher_ticket=./.test(window.first)"));
      const fromAddress = String(await tab.run("return window.first")).slice("#usher_ticket=".length);
      await tab.goto(assisted(bound("")));
      const message = JSON.parse(String(await tab.run("return document.querySelector('main').dataset.message"))) as { ticket: string };
      await tab.goto(`${app}/plain`);
      await tab.run(`window.redeem = ${redeem.toString()}; window.own = await (${renewer.toString()})(${JSON.stringify(renewal)}, ${JSON.stringify(query)}, {})`);
      const jkt = String(await tab.run("return own.jkt"));
      const redeemed = async (ticket: string, by: string): Promise<Record<string, unknown>> => {
        const args = [at(`${ASSISTED}/ticket`, { ...query, dpop_jkt: jkt }), usher.server, ticket, by].map((each) => JSON.stringify(each)).join(", ");
        return (await inPage(tab, `redeem(${args})`)) as Record<string, unknown>;
      };
      // Where the session's own cookie reaches the frame it wins over any ticket.
      for (const ticket of BY_COOKIE.includes(name) ? [] : [fromAddress, message.ticket]) {
        for (const by of ["", randomBytes(32).toString("base64url"), challenge]) {
          const { status, error } = await redeemed(ticket, by);
          assert.deepEqual([status, error], ["error", "invalid_request"], by);
        }
      }
      const answer = await redeemed(fromAddress, verifier); // who has the verifier proves that nothing else was in the way
      assert.deepEqual([answer["status"], answer["sub"]], ["success", sub], JSON.stringify(answer));
      if (!BY_COOKIE.includes(name)) assert.equal((await redeemed(fromAddress, verifier))["status"], "error", "once");

      const handle = String(answer["renewal_handle"]);
      await tab.run(`window.other = await (${renewer.toString()})(${JSON.stringify(renewal)}, ${JSON.stringify(query)}, {})`);
      const renewed = (who: string): Promise<unknown> => tab.run(`return (await ${who}.renew(${JSON.stringify(handle)}))`);
      assert.equal(((await renewed("other")) as { error?: string }).error, "invalid_grant", "another page's key");
      assert.equal(((await renewed("own")) as { sub?: string }).sub, sub, "the key that it is bound to");
      await tab.close();
    });
  });
}
