import assert from "node:assert/strict";
import { test } from "node:test";
import { allowsHeldToken, asked, demandsUser, own, queryOf } from "../src/parameters.ts";

const query = (ask: ReturnType<typeof asked>, hidden: boolean): string => queryOf(ask, hidden, "app", "https://a.example").toString();
const plain = (...given: Parameters<typeof asked>): object => ({ ...asked(...given) });
const base = "client_id=app&for_origin=https%3A%2F%2Fa.example";

test("an empty value counts as absent", () => {
  assert.deepEqual(plain({ scope: "", prompt: " ", max_age: "", acr_values: "" }, undefined), {});
  assert.deepEqual(plain({ scope: "" }, "read"), { scope: "read" });
  assert.deepEqual(plain({ scope: "write" }, "read"), { scope: "write" });
  assert.deepEqual(plain({ max_age: 0, force_auth: false }, ""), { max_age: "0" });
  assert.deepEqual(plain(undefined, undefined), {});
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

test("what the page put on Object.prototype is no setting and no parameter", () => {
  const polluted = { autoPrepareJqueryAjaxForOrigins: [".*"], prompt: "login", force_auth: "true", max_age: "0", scope: "all" };
  for (const [name, value] of Object.entries(polluted)) {
    Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true });
  }
  try {
    const settings: { clientId: string; autoPrepareJqueryAjaxForOrigins?: string[] } = own({ clientId: "app" });
    assert.equal(settings.autoPrepareJqueryAjaxForOrigins, undefined);
    const ask = asked({ login_hint: "j" }, undefined);
    assert.deepEqual(Object.entries(ask), [["login_hint", "j"]]);
    assert.equal(demandsUser(ask), false);
    assert.equal(allowsHeldToken(ask), true);
    assert.equal(asked(undefined, "read").scope, "read");
    assert.equal(own<{ scope?: string }>(undefined).scope, undefined);
  } finally {
    for (const name of Object.keys(polluted)) Reflect.deleteProperty(Object.prototype, name);
  }
});
