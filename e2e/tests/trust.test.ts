// The first step of a new user: after `usher trust` a browser believes the server without being told to
// ignore certificate errors, and after the uninstallation it does not.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { chromium } from "../harness/browser.ts";
import { press, signIn, visibleFrame } from "../harness/user.ts";
import { startDemo, type Usher } from "../harness/usher.ts";

let usher: Usher;
let home: string;
before(async () => {
  usher = await startDemo();
  home = mkdtempSync(join(tmpdir(), "usher-e2e-home-"));
});
after(async () => {
  await usher.stop();
  rmSync(home, { recursive: true, force: true });
});

/** Whether a browser with a fresh profile opens the server's page. */
async function believes(): Promise<boolean> {
  const session = await chromium({ policy: "allowed", checkCertificates: true, home });
  try {
    const tab = await session.fresh();
    return await tab.goto(usher.server).then(
      (response) => response?.ok() === true,
      (error: Error) => {
        assert.match(error.message, /ERR_CERT_AUTHORITY_INVALID/);
        return false;
      },
    );
  } finally {
    await session.close();
  }
}

it("usher trust lets a fresh browser sign in at the example, and --uninstall takes it back", async () => {
  assert.equal(await believes(), false, "before");
  await usher.cli(["trust", "--browsers-only"], { home });
  try {
    const session = await chromium({ policy: "allowed", checkCertificates: true, home });
    try {
      const tab = await session.fresh();
      await tab.goto(usher.app);
      const shown = await press(tab, "getTokensWithPopup", async () =>
        signIn(await visibleFrame(tab, usher.server), usher.username, usher.password),
      );
      assert.equal(shown.outcome, "resolved");
      assert.equal((await press(tab, "getResource")).outcome, "resolved");
    } finally {
      await session.close();
    }
  } finally {
    await usher.cli(["trust", "--browsers-only", "--uninstall"], { home });
  }
  assert.equal(await believes(), false, "after the uninstallation");
});
