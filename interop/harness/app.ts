// An app's page in Chromium, and what its user does there.
import assert from "node:assert/strict";
import { after } from "node:test";
import { chromium, type Session } from "../../e2e/harness/browser.ts";
import { signIn } from "../../e2e/harness/user.ts";
import { until } from "../../e2e/harness/wait.ts";
import { world } from "./world.ts";

/** What a page tells of the user who is signed in. */
export interface Shown {
  sub: string;
  email: string;
  token: string;
  /** Changes with each authorization. */
  session: string;
}

/** What each page offers to the tests, as its global `app`. */
export interface AppPage {
  signIn(): unknown;
  /** Renews in the background. */
  renew(): Promise<unknown>;
  signOut(): unknown;
  /** Undefined where nobody is signed in. */
  user(): Promise<Shown | undefined>;
}

type Tab = Awaited<ReturnType<Session["fresh"]>>;

let browser: Promise<Session> | undefined;
after(async () => (await browser)?.close());

function open(): Promise<Session> {
  browser ??= chromium({ policy: "allowed" });
  return browser;
}

/** One tab, signed in nowhere, at an app's page. */
export class App {
  readonly #tab: Tab;
  readonly #address: string;

  private constructor(tab: Tab, address: string) {
    this.#tab = tab;
    this.#address = address;
  }

  static async open(path: string): Promise<App> {
    const app = new App(await (await open()).fresh(), world.app + path);
    await app.#tab.goto(`${world.app}/world.json`); // the same origin, and nothing that could write
    await app.#tab.evaluate("localStorage.clear(); sessionStorage.clear()");
    await app.#tab.goto(app.#address);
    await app.#ready();
    return app;
  }

  async signIn(): Promise<void> {
    await this.#call("signIn");
    await signIn(this.#tab, world.username, world.password);
    await this.#ready();
  }

  async signOut(): Promise<void> {
    await this.#call("signOut");
    await this.#ready();
  }

  /** The user signs out at the server's own page, in another tab, and the app finds out by itself. */
  async signOutElsewhere(): Promise<void> {
    const metadata = await (await fetch(`${world.issuer}/.well-known/openid-configuration`)).json();
    const tab = await (await open()).tab();
    await tab.goto((metadata as { end_session_endpoint: string }).end_session_endpoint);
    await tab.locator("form#logout button").click();
    await tab.waitForSelector("main[data-page=signedout]");
    await tab.close();
    await until("the app to find out", async () => (await this.user()) === undefined, 30_000);
  }

  /** Fails with the code of the server's error. */
  async renew(): Promise<void> {
    const error = await this.#tab.evaluate("app.renew().then(() => undefined, (error) => error.error ?? String(error))");
    if (error) throw new Error(String(error));
  }

  async user(): Promise<Shown | undefined> {
    return (await this.#tab.evaluate("app.user()")) as Shown | undefined;
  }

  /** The user, who has to be there. */
  async shown(): Promise<Shown> {
    const user = await this.user();
    assert.ok(user, "nobody is signed in");
    return user;
  }

  /** Starts what leads away from the page. */
  async #call(method: "signIn" | "signOut"): Promise<void> {
    await this.#tab.evaluate(`document.documentElement.removeAttribute("data-ready"); void app.${method}()`);
  }

  async #ready(): Promise<void> {
    const failed = await until("the app to be ready", async () => {
      if (!this.#tab.url().startsWith(this.#address)) return undefined;
      return (await this.#tab.$("html[data-ready]")) && (await this.#tab.evaluate("document.documentElement.dataset.ready"));
    }, 30_000);
    assert.equal(failed, "yes");
  }
}
