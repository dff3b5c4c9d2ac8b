import assert from "node:assert/strict";
import { test } from "node:test";
import { errorFrom, isSuccess, makeNonce, nonceOf, readTokens } from "../src/message.ts";

const whole = { status: "success", access_token: "abc", token_type: "bearer", expires_in: 300, scope: "openid", sub: "jo", subject: "jo" };

function jwt(payload: unknown): string {
  return `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.c2ln`;
}

function thrown(data: unknown): unknown {
  try {
    return assert.fail(String(readTokens(data, "n")));
  } catch (error) {
    return (error as { error?: unknown }).error;
  }
}

test("a whole success is read", () => {
  assert.deepEqual(readTokens(whole, "n"), whole);
  assert.deepEqual(readTokens({ ...whole, id_token: jwt({ nonce: "n", name: "Zoë" }) }, "n")?.access_token, "abc");
});

test("other messages are ignored", () => {
  for (const data of [undefined, null, 1, "success", [], ["success"], {}, { status: "pending" }, { type: "hello" }, { status: ["success"] }]) {
    assert.equal(readTokens(data, "n"), undefined);
  }
});

test("a success that is not whole is a server_error", () => {
  for (const fault of [
    { access_token: "" }, { access_token: 7 }, { access_token: "a\r\nb" }, { token_type: "mac" }, { token_type: 1 }, { expires_in: "x" }, { expires_in: -1 },
    { expires_in: NaN }, { id_token: jwt({ nonce: "other" }) }, { id_token: jwt(null) }, { id_token: "garbage" }, { id_token: {} }, { id_token: "a.%%%.c" },
  ]) {
    assert.equal(thrown({ ...whole, ...fault }), "server_error", JSON.stringify(fault));
  }
});

test("an error is thrown as the rejection", () => {
  assert.throws(() => isSuccess({ status: "error", error: "invalid_scope", error_description: "no", error_uri: "https://x/" }), {
    error: "invalid_scope",
    error_description: "no",
    error_code: "invalid_scope",
    error_uri: "https://x/",
  });
  assert.equal((errorFrom("<html>") as { error: string }).error, "server_error");
});

test("a nonce is 128 random bits, and is found again", () => {
  assert.match(makeNonce(), /^[0-9a-f]{32}$/);
  assert.notEqual(makeNonce(), makeNonce());
  assert.equal(nonceOf(jwt({ nonce: "ÿ~?".slice(1), pad: "ü?>" })), "~?");
});
