// The six examples and what people do around them, with third-party cookies allowed.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Page } from "puppeteer-core";
import { age } from "../harness/database.ts";
import { freePort, startExample } from "../harness/usher.ts";
import { press, pressAndGo, showsFrame, signIn, visibleFrame } from "../harness/user.ts";
import { until } from "../harness/wait.ts";
import { visit, world, type World } from "../harness/world.ts";

let w: World;
before(async () => {
  w = await world();
});
after(() => w.close());

const open = (): Promise<Page> => visit(w, w.usher.app);
const type = async (tab: Page): Promise<void> => signIn(await visibleFrame(tab, w.usher.server), w.usher.username, w.usher.password);

async function openSignedIn(): Promise<Page> {
  const tab = await open();
  const shown = await press(tab, "getTokensWithPopup", () => type(tab));
  assert.equal(shown.outcome, "resolved");
  return tab;
}

describe("the six examples", () => {
  it("1: signs in where required, and uses the token at hand where not", async () => {
    const tab = await open();
    const first = await press(tab, "getTokensWithPopup", () => type(tab));
    assert.equal(first.outcome, "resolved");
    assert.match(first.members["token"] ?? "", /^.{10}….{6}$/);
    assert.ok(Number(first.members["expires"]) > Date.now() / 1000);
    assert.equal(first.members["subject"], first.members["sub"]);
    assert.ok(first.sent.some((line) => line.includes("prompt=none")), "the hidden request comes first");
    assert.equal(await showsFrame(tab), false);
    const second = await press(tab, "getTokensWithPopup");
    assert.ok(first.sent.length === 2 && !first.sent[1]?.includes("prompt="), "then the visible one");
    assert.deepEqual(second.sent, ["nothing: the token at hand is still good"]);
    assert.equal(second.members["expires"], first.members["expires"]);
  });

  it("2: the API answers 401 without a token, and knows the user with one", async () => {
    const tab = await open();
    const without = await press(tab, "getResource");
    assert.equal(without.outcome, "rejected");
    assert.equal(without.members["status"], "401");
    assert.equal(without.members["WWW-Authenticate"], "Bearer");
    const { members } = await press(tab, "getTokensWithPopup", () => type(tab));
    const withToken = await press(tab, "getResource");
    assert.equal(withToken.outcome, "resolved");
    assert.equal(withToken.members["active"], "true");
    assert.equal(withToken.members["sub"], members["sub"]);
  });

  it("3: a silent token, and interaction_required where the user would have to act", async () => {
    const tab = await open();
    const without = await press(tab, "getTokens");
    assert.equal(without.outcome, "rejected");
    assert.equal(without.members["error"], "interaction_required");
    await press(tab, "getTokensWithPopup", () => type(tab));
    const silent = await press(tab, "getTokens");
    assert.equal(silent.outcome, "resolved");
    assert.equal(await showsFrame(tab), false);
  });

  it("4: forced authentication asks for the password although there is a session", async () => {
    const tab = await openSignedIn();
    const shown = await press(tab, "login", () => type(tab));
    assert.equal(shown.outcome, "resolved");
    assert.equal(shown.members["scope"], "openid");
    assert.match(shown.members["id_token"] ?? "", /^eyJ.*…/);
  });

  it("5: logging out ends the token and the session", async () => {
    const tab = await openSignedIn();
    assert.equal((await press(tab, "getResource")).outcome, "resolved");
    assert.equal((await press(tab, "logout")).outcome, "resolved");
    assert.equal((await press(tab, "getResource")).members["status"], "401");
    const silent = await press(tab, "getTokens");
    assert.equal(silent.members["error"], "interaction_required");
  });

  it("6: a payment demands a sign-in of the last minute", async () => {
    const tab = await openSignedIn();
    const fresh = await press(tab, "stepUp");
    assert.equal(fresh.outcome, "resolved", "the sign-in of a moment ago is fresh enough");
    assert.deepEqual(fresh.members["scope"]?.split(" ").sort(), ["openid", "payment", "profile"]);
    await tab.reload();
    age(w.usher, 61);
    const plain = await press(tab, "getTokensWithPopup");
    assert.ok(!plain.members["scope"]?.includes("payment"), "payment is given only when named");
    const again = await press(tab, "stepUp", () => type(tab));
    assert.equal(again.outcome, "resolved");
    assert.match(again.members["scope"] ?? "", /payment/);
  });
});

describe("around a sign-in", () => {
  it("a reload is mended silently", async () => {
    const tab = await openSignedIn();
    await tab.reload();
    const shown = await press(tab, "getTokensWithPopup");
    assert.equal(shown.outcome, "resolved");
    assert.equal(await showsFrame(tab), false);
  });

  it("a second tab signs in silently, and a logout in one ends the session for both", async () => {
    const first = await openSignedIn();
    const second = await w.session.tab();
    await second.goto(w.usher.app);
    assert.equal((await press(second, "getTokensWithPopup")).outcome, "resolved");
    assert.equal((await press(second, "getResource")).outcome, "resolved");
    await first.bringToFront();
    assert.equal((await press(first, "logout")).outcome, "resolved");
    await second.bringToFront();
    assert.equal((await press(second, "getResource")).members["status"], "401", "the other tab's token hangs off the same session");
    assert.equal((await press(second, "getTokens")).members["error"], "interaction_required");
  });

  it("a wrong password is told, and the right one then goes on", async () => {
    const tab = await open();
    const shown = await press(tab, "getTokensWithPopup", async () => {
      const frame = await visibleFrame(tab, w.usher.server);
      await signIn(frame, w.usher.username, "not the password");
      const again = await visibleFrame(tab, w.usher.server, "[role=alert]");
      const { alert, username, password } = await again.evaluate(() => ({
        alert: document.querySelector("[role=alert]")?.textContent?.trim(),
        username: document.querySelector<HTMLInputElement>("#username")?.value,
        password: document.querySelector<HTMLInputElement>("#password")?.value,
      }));
      assert.ok(alert);
      assert.equal(username, w.usher.username);
      assert.equal(password, "");
      await signIn(again, w.usher.username, w.usher.password);
    });
    assert.equal(shown.outcome, "resolved");
  });

  it("an unknown user gets the very same answer as a wrong password", async () => {
    const answers: (string | undefined)[] = [];
    for (const name of [w.usher.username, "nobody-of-that-name"]) {
      const tab = await open();
      await tab.click("#getTokensWithPopup");
      await signIn(await visibleFrame(tab, w.usher.server), name, "not the password");
      const frame = await visibleFrame(tab, w.usher.server, "[role=alert]");
      answers.push(await frame.$eval("[role=alert]", (e) => e.textContent?.trim()));
    }
    assert.equal(answers[0], answers[1]);
  });
});

describe("a closed dialog rejects with access_denied and leaves nothing behind", () => {
  const closings: Record<string, (tab: Page) => Promise<void>> = {
    "Escape in the page": async (tab) => {
      await tab.focus(".usher-x");
      await pressAndGo(tab.keyboard, "Escape");
    },
    "Escape inside the frame": async (tab) => {
      const field = await (await visibleFrame(tab, w.usher.server)).$("#username");
      await pressAndGo(field, "Escape");
    },
    "the close button": async (tab) => tab.click(".usher-x"),
    "the backdrop": async (tab) => tab.mouse.click(5, 5),
    // The browser may drop a click on what has just appeared, so it is done again until the frame is gone.
    "Cancel in the frame": async (tab) => {
      const frame = await visibleFrame(tab, w.usher.server);
      await until("the dialog to close", async () => {
        await frame.click("#cancel").catch(() => undefined);
        return until("it to be gone", async () => !(await tab.$("dialog")), 1_000).catch(() => false);
      });
    },
  };
  for (const [name, close] of Object.entries(closings)) {
    it(name, async () => {
      const tab = await open();
      const shown = await press(tab, "getTokensWithPopup", async () => {
        await visibleFrame(tab, w.usher.server);
        await close(tab);
      });
      assert.equal(shown.outcome, "rejected");
      assert.equal(shown.members["error"], "access_denied");
      assert.equal(await tab.$("dialog, iframe"), null);
      assert.equal(await tab.evaluate(() => document.activeElement?.id), "getTokensWithPopup", "focus is back where it was");
      const again = await press(tab, "getTokensWithPopup", () => type(tab));
      assert.equal(again.outcome, "resolved", "the next try is a whole one");
    });
  }
});

describe("keyboard and small screens", () => {
  it("the keyboard alone signs in, and Tab never leaves the dialog", async () => {
    const tab = await open();
    await tab.focus("#getTokensWithPopup");
    await pressAndGo(tab.keyboard, "Enter");
    const frame = await visibleFrame(tab, w.usher.server);
    await until("the focus to be in the user name", () =>
      frame.evaluate(() => document.hasFocus() && document.activeElement?.id === "username"),
    );
    for (let i = 0; i < 12; i++) {
      await tab.keyboard.press("Tab");
      const place = await tab.evaluate(() => {
        const active = document.activeElement;
        return active === document.body || active?.closest("dialog") ? "" : (active?.outerHTML ?? "");
      });
      assert.equal(place, "", `after ${i + 1} times Tab`);
    }
    // Tab goes round through the browser's own buttons; a user goes on until the field is reached.
    await until("Tab to reach the user name again", async () => {
      await tab.keyboard.press("Tab");
      return frame.evaluate(() => document.hasFocus() && document.activeElement?.id === "username");
    });
    await tab.keyboard.type(w.usher.username);
    await until("Tab to reach the password", async () => {
      await tab.keyboard.press("Tab");
      return frame.evaluate(() => document.activeElement?.id === "password");
    });
    await tab.keyboard.type(w.usher.password);
    await pressAndGo(tab.keyboard, "Enter");
    await tab.waitForSelector("#result_1[data-outcome=resolved]");
  });

  it("at 360 px the dialog fills the screen and nothing scrolls sideways", async () => {
    const tab = await open();
    await tab.setViewport({ width: 360, height: 740, hasTouch: true, isMobile: true });
    const shown = await press(tab, "getTokensWithPopup", async () => {
      const frame = await visibleFrame(tab, w.usher.server);
      await until("the frame to fill the screen, once its entrance is over", () =>
        tab.$eval("dialog iframe", (e) => {
          const { x, y, width, height } = e.getBoundingClientRect();
          return x === 0 && y === 0 && width === 360 && height === 740;
        }),
      );
      for (const place of [tab.mainFrame(), frame]) {
        assert.ok(await place.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      }
      await type(tab);
    });
    assert.equal(shown.outcome, "resolved");
    assert.ok(await tab.evaluate(() => document.documentElement.scrollWidth <= 360));
  });
});

describe("the example alone", () => {
  it("runs beside a server of its own choice, and its API checks the token there", async () => {
    const port = await freePort();
    const app = `http://localhost:${port}`;
    await w.usher.client("alone", [app], "--scope", "openid");
    const end = await startExample(w.usher, "alone", port);
    try {
      const tab = await visit(w, app);
      assert.equal((await press(tab, "getTokensWithPopup", () => type(tab))).outcome, "resolved");
      const { members } = await press(tab, "getResource");
      assert.equal(members["client_id"], "alone");
    } finally {
      await end();
    }
  });
});
