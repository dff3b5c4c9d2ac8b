// Every page of the admin interface, on a server that has something to show: for axe-core, for browsers without
// script, and for pictures.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "puppeteer-core";
import { becomeOperator, fill, press, tick } from "./operator.ts";
import { ROOT } from "./paths.ts";
import type { Server } from "./server.ts";
import { signIn } from "./user.ts";
import { until } from "./wait.ts";

/** A client whose name would run, were it not escaped, and a user whose name turns the line around. */
export const HOSTILE = { client: "<script>alert(1)</script>", user: "‮dlo😀" };

/** Gives a server clients, users, sessions, a consent and a managed client; its first operator is signed in in the tab. */
export async function furnish(usher: Server, tab: Page): Promise<void> {
  const { cli } = usher;
  await cli(["profile", "change", "--add-scope", "orders=See your orders"]);
  await cli(["client", "add", "shop", "--name", "Shop", "--origin", "https://shop.example.com", "--origin", "https://*.shop.example.com",
    "--capability", "assisted_token", "--capability", "code", "--redirect-uri", `${usher.admin}/admin/`, "--scope", "openid profile orders", "--consent"]);
  await cli(["client", "change", "shop", "--name", "The Shop", "--origin", "https://shop.example.com", "--lifetime", "120"]);
  await cli(["client", "add", "warehouse", "--name", "Warehouse", "--capability", "client_credentials", "--secret", "--scope", "orders"]);
  await cli(["client", "add", "warehouse-app", "--name", "Warehouse app", "--origin", "https://warehouse.example.com", "--scope", "openid profile orders"]);
  await cli(["client", "add", "hostile", "--name", HOSTILE.client, "--origin", "https://hostile.example.com"]);
  const file = join(usher.data, "clients.yaml");
  writeFileSync(file, `usher: 1\nname: clients.yaml\nclients:\n  - id: tv\n    name: Television\n    capabilities: [device]\n    scope: [openid]\n`);
  await cli(["apply", file, "--yes"]);
  await cli(["user", "add", usher.username, "--name", "Ann Archer", "--email", "ann@example.com"], { input: `${usher.password}\n` });
  await cli(["user", "add", "turn", "--name", HOSTILE.user], { input: `${usher.password}\n` });
  await cli(["user", "add", "vera", "--name", "Vera Viewer"], { input: `${usher.password}\n` });
  await cli(["operator", "add", "vera", "--role", "viewer"]);
  await becomeOperator(usher, tab);
}

/** Lets the user agree that the shop may have what it wants, in a browser of the user's own. */
export async function agree(usher: Server, tab: Page): Promise<void> {
  const query = new URLSearchParams({
    response_type: "code", client_id: "shop", redirect_uri: `${usher.admin}/admin/`, scope: "openid profile orders", state: "x",
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", code_challenge_method: "S256",
  });
  await tab.goto(`${usher.server}/oauth/v2/oauth-authorize?${query}`);
  await signIn(tab, usher.username, usher.password);
  const allow = await tab.waitForSelector("button[value=allow]");
  await allow!.click();
  await until("the way back", () => tab.url().startsWith(usher.admin));
}

/** Where a page is: an address, or a way there in the tab that is signed in. */
export type Way = string | ((tab: Page) => Promise<unknown>);

/** All pages by name. An address ends as it does in the table of routes, with what {id} stands for. */
export async function adminPages(usher: Server): Promise<Record<string, Way>> {
  const json = async (...args: string[]): Promise<Record<string, unknown>> => JSON.parse(await usher.cli([...args, "--json"])) as Record<string, unknown>;
  const first = (list: unknown): Record<string, string> => (Array.isArray(list) ? list : (list as { items: unknown[] }).items)[0] as Record<string, string>;
  const { id: ann } = (await json("user", "show", usher.username)) as { id: string };
  const { id: vera } = (await json("user", "show", "vera")) as { id: string };
  const change = first(await json("history", "list", "--kind", "client", "--subject", "shop"))["id"]!;
  const session = first(await json("session", "list"))["id"]!;
  const delegation = first(await json("delegation", "list"))["id"]!;
  const key = first(await json("keys", "list"))["id"]!;
  const pages: Record<string, Way> = {};
  const at = (name: string, path: string): void => void (pages[name] = usher.admin + path);
  at("overview", "/admin");
  at("profile", "/admin/profile");
  at("profile-edit", "/admin/profile/edit");
  at("profile-scope", "/admin/profile/scope?name=orders");
  at("profile-scope-remove", "/admin/profile/scope/remove?name=orders");
  at("profile-registration-token", "/admin/profile/registration-token");
  at("clients", "/admin/clients");
  at("clients-found", "/admin/clients?q=sho");
  at("client-new", "/admin/clients/new");
  for (const kind of ["spa", "web", "service", "device", "api"]) at(`client-new-${kind}`, `/admin/clients/new?kind=${kind}`);
  at("client", "/admin/clients/shop");
  at("client-hostile", "/admin/clients/hostile");
  at("client-managed", "/admin/clients/tv");
  at("client-edit", "/admin/clients/shop/edit");
  at("client-disable", "/admin/clients/shop/disable");
  at("client-release", "/admin/clients/tv/release");
  at("client-remove", "/admin/clients/shop/remove");
  at("client-secret", "/admin/clients/warehouse/secret");
  at("client-snippets", "/admin/clients/shop/snippets");
  at("client-try", "/admin/clients/shop/try");
  at("accounts", "/admin/accounts");
  at("account-new", "/admin/accounts/new");
  const ofAccount = [
    "", "/consents", "/consents/shop/withdraw", "/edit", "/lock", "/password", "/remove", "/sign-ins", "/signout", "/throttle",
  ];
  for (const page of ofAccount) {
    at(`account${page.replaceAll("/", "-")}`, `/admin/accounts/${ann}${page}`);
  }
  at("sessions", "/admin/sessions");
  at("session-end", `/admin/sessions/${session}/end`);
  at("delegations", "/admin/delegations");
  at("delegation-end", `/admin/delegations/${delegation}/end`);
  at("authenticators", "/admin/authenticators");
  at("keys", "/admin/keys");
  at("key-revoke", `/admin/keys/${key}/revoke`);
  at("audit", "/admin/audit");
  at("changes", "/admin/changes");
  at("change", `/admin/changes/${change}`);
  at("change-undo", `/admin/changes/${change}/undo`);
  at("settings", "/admin/settings");
  at("operators", "/admin/operators");
  at("operator-new", "/admin/operators/new");
  at("operator-link", "/admin/operators/link");
  at("operator-role", `/admin/operators/${vera}/role`);
  at("operator-remove", `/admin/operators/${vera}/remove`);
  at("files", "/admin/files");
  at("api", "/admin/api");
  at("no-such-page", "/admin/nowhere");
  pages["client-trying"] = async (tab) => {
    await tab.goto(`${usher.admin}/admin/clients/warehouse-app/try`);
    await Promise.all([tab.waitForNavigation(), tab.click("main form button.primary")]);
    await until("an answer", async () => /success|interaction_required/.test(await tab.$eval("main", (e) => (e as HTMLElement).innerText)));
  };
  pages["client-new-faults"] = async (tab) => {
    await tab.goto(`${usher.admin}/admin/clients/new?kind=spa`);
    await fill(tab, "id", "two words");
    await fill(tab, "allowed_origins", "ftp://shop.example.com");
    await press(tab, "Continue");
    await tab.waitForSelector("#faults");
  };
  pages["profile-edit-faults"] = async (tab) => {
    await tab.goto(`${usher.admin}/admin/profile/edit`);
    await fill(tab, "access_token_seconds", "1");
    await tick(tab, "capabilities", "implicit");
    await press(tab, "Save");
    await tab.waitForSelector("#faults");
  };
  pages["password-link"] = async (tab) => {
    await tab.goto(`${usher.admin}/admin/accounts/${vera}`);
    await press(tab, "Make a link");
  };
  return pages;
}

/** The pages that the tables of routes have and no address leads to. */
export function withoutAddress(pages: Record<string, Way>, exempt: string[]): string[] {
  const folder = join(ROOT, "internal/admin/pages");
  const patterns = readdirSync(folder)
    .filter((name) => name.endsWith(".go") && !name.endsWith("_test.go"))
    .flatMap((name) => [...readFileSync(join(folder, name), "utf8").matchAll(/Pattern: "GET (\/[^"]*)"/g)].map((found) => found[1]!));
  if (patterns.length < 20) throw new Error("the tables of routes look otherwise than expected");
  const paths = Object.values(pages).flatMap((way) => (typeof way === "string" ? [new URL(way).pathname] : []));
  return patterns.filter((pattern) => {
    const form = new RegExp(`^${pattern.replaceAll(/\{[a-z]+\}/g, "[^/]+")}$`);
    return !exempt.includes(pattern) && !paths.some((path) => form.test(path));
  });
}

/** What the pages look like depends on these files: a digest of them tells whether a picture is current. */
export function pagesDigest(): string {
  const hash = createHash("sha256");
  for (const folder of ["templates", "static"]) {
    const at = join(ROOT, "internal/admin/pages", folder);
    for (const name of readdirSync(at).sort()) hash.update(`${folder}/${name}\n`).update(readFileSync(join(at, name)));
  }
  return hash.digest("hex");
}
