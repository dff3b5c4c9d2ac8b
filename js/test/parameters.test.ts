import assert from "node:assert/strict";
import { test } from "node:test";
import { allowsHeldToken, asked, demandsUser, queryOf } from "../src/parameters.ts";

const query = (ask: ReturnType<typeof asked>, hidden: boolean): string => queryOf(ask, hidden, "app", "https://a.example").toString();
const base = "client_id=app&for_origin=https%3A%2F%2Fa.example";

test("an empty value counts as absent", () => {
  assert.deepEqual(asked({ scope: "", prompt: " ", max_age: "", acr_values: "" }, undefined), {});
  assert.deepEqual(asked({ scope: "" }, "read"), { scope: "read" });
  assert.deepEqual(asked({ scope: "write" }, "read"), { scope: "write" });
  assert.deepEqual(asked({ max_age: 0, force_auth: false }, ""), { max_age: "0" });
  assert.deepEqual(asked(undefined, undefined), {});
});

test("the hidden request says prompt=none, the visible one never does", () => {
  assert.equal(query(asked({ scope: "openid" }, undefined), true), `${base}&scope=openid&prompt=none`);
  assert.equal(query(asked({ prompt: "none" }, undefined), false), base);
  assert.equal(query(asked({ prompt: "login none" }, undefined), false), `${base}&prompt=login`);
  assert.equal(query(asked({ force_auth: true, scope: "openid" }, undefined), false), `${base}&scope=openid&force_auth=true`);
  assert.equal(
    query(asked({ max_age: 60, acr_values: "a b", login_hint: "j", ui_locales: "sv" }, undefined), false),
    `${base}&max_age=60&acr_values=a+b&login_hint=j&ui_locales=sv`,
  );
});

test("what needs the user in any case, and what a held token cannot answer", () => {
  for (const [parameters, user, held] of [
    [{}, false, true],
    [{ acr_values: "a" }, false, true],
    [{ force_auth: true }, true, false],
    [{ force_auth: "true" }, true, false],
    [{ force_auth: "false" }, false, true],
    [{ prompt: "login" }, true, false],
    [{ prompt: "consent" }, true, false],
    [{ prompt: "none" }, false, false],
    [{ max_age: 0 }, false, false],
  ] as const) {
    const ask = asked(parameters, undefined);
    assert.deepEqual([demandsUser(ask), allowsHeldToken(ask)], [user, held], JSON.stringify(parameters));
  }
});
