// Starts Firefox with a fresh profile for one policy of third-party cookies.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser } from "puppeteer-core";
import { executable } from "./browser.ts";

/** network.cookie.cookieBehavior: 5 as shipped (each site has cookies of its own under each top site), 1 refuses all third-party ones. */
export type Behavior = 5 | 1;

export async function firefox(behavior: Behavior): Promise<{ browser: Browser; close(): Promise<void> }> {
  const home = mkdtempSync(join(tmpdir(), "usher-e2e-firefox-"));
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: executable("FIREFOX", "firefox-esr", "firefox"),
    acceptInsecureCerts: true,
    env: { ...process.env, HOME: home },
    timeout: 60_000,
    protocolTimeout: 30_000,
    extraPrefsFirefox: {
      "network.cookie.cookieBehavior": behavior,
      // As shipped: no window without a click.
      "dom.disable_open_during_load": true,
      // Nothing leaves this machine.
      "network.proxy.type": 1,
      "network.proxy.http": "127.0.0.1",
      "network.proxy.http_port": 9,
      "network.proxy.ssl": "127.0.0.1",
      "network.proxy.ssl_port": 9,
      "network.proxy.no_proxies_on": "localhost, 127.0.0.1, 127.0.0.2",
    },
  });
  return {
    browser,
    close: async () => {
      await browser.close();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
