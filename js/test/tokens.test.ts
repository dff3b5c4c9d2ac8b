import assert from "node:assert/strict";
import { test } from "node:test";
import { Tokens } from "../src/tokens.ts";

const now = 1_000_000_000_500;
const message = { status: "success", access_token: "abc", token_type: "bearer", expires_in: 300, scope: "openid read", sub: "jo", subject: "jo" };

test("a token is held until it is forgotten", () => {
  const tokens = new Tokens();
  assert.deepEqual([tokens.token(), tokens.isExpired(now), tokens.data()], ["", true, {}]);
  const { access_token, ...data } = message;
  assert.deepEqual(tokens.keep(message, {}, now), { ...data, token: access_token, expires: 1_000_000_300 });
  assert.deepEqual([tokens.token(), tokens.isExpired(now), tokens.data()], ["abc", false, data]);
  assert.equal(tokens.forget(), "abc");
  assert.deepEqual([tokens.token(), tokens.isExpired(now), tokens.data()], ["", true, {}]);
});

test("a token counts as expired a little before its end", () => {
  const tokens = new Tokens();
  tokens.keep(message, {}, now);
  assert.equal(tokens.isExpired(now + 294_999), false);
  assert.equal(tokens.isExpired(now + 295_000), true);
  tokens.keep({ ...message, expires_in: 2 }, {}, now);
  assert.equal(tokens.isExpired(now + 1_799), false);
  assert.equal(tokens.isExpired(now + 1_800), true);
});

test("a held token is good for what it covers", () => {
  const tokens = new Tokens();
  tokens.keep(message, {}, now);
  for (const [ask, good] of [
    [{}, true],
    [{ scope: "read" }, true],
    [{ scope: "read  openid" }, true],
    [{ scope: "write" }, false],
    [{ scope: "open" }, false],
    [{ force_auth: "true" }, false],
    [{ prompt: "consent" }, false],
    [{ max_age: "60" }, false],
  ] as const) {
    assert.equal(tokens.goodFor(ask, now) !== undefined, good, JSON.stringify(ask));
  }
  assert.equal(tokens.goodFor({}, now + 400_000), undefined);
});

test("an answer without a scope has the one asked for", () => {
  const tokens = new Tokens();
  tokens.keep({ access_token: "abc", expires_in: 300 }, { scope: "read" }, now);
  assert.ok(tokens.goodFor({ scope: "read" }, now));
});

test("what the app does with a result does not reach the token that is held", () => {
  const tokens = new Tokens();
  tokens.keep(message, {}, now).token = "changed";
  tokens.data().sub = "changed";
  assert.deepEqual([tokens.token(), tokens.data().sub], ["abc", "jo"]);
});
