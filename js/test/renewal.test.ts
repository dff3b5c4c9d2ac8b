import assert from "node:assert/strict";
import { createPublicKey, verify, createHash } from "node:crypto";
import { test } from "node:test";
import type { Constants } from "../assisted-token.d.ts";
import type { TokenMessage } from "../src/message.ts";
import { makeKey, makeProof, Renewal } from "../src/renewal.ts";

const part = (text: string | undefined): Record<string, unknown> => JSON.parse(Buffer.from(text ?? "", "base64url").toString()) as Record<string, unknown>;

test("a proof is a JWT by the key that it embeds", async () => {
  const key = await makeKey();
  assert.ok(key);
  const proof = await makeProof(key, "https://x/renewal", "n-1", 1_700_000_000_999);
  const [head, body, signature] = proof.split(".");
  const { typ, alg, jwk } = part(head);
  assert.deepEqual([typ, alg], ["dpop+jwt", "ES256"]);
  const { jti, ...claims } = part(body);
  assert.deepEqual(claims, { htm: "POST", htu: "https://x/renewal", iat: 1_700_000_000, nonce: "n-1" });
  assert.match(String(jti), /^[0-9a-f]{32}$/);
  const publicKey = createPublicKey({ key: jwk as object, format: "jwk" });
  assert.ok(verify("sha256", Buffer.from(`${head}.${body}`), { key: publicKey, dsaEncoding: "ieee-p1363" }, Buffer.from(signature ?? "", "base64url")));
  assert.equal(key.jkt, createHash("sha256").update(JSON.stringify(jwk)).digest("base64url"));
  assert.equal("d" in (jwk as object), false);
});

test("a first proof has no nonce", async () => {
  const key = await makeKey();
  assert.ok(key);
  assert.equal("nonce" in part((await makeProof(key, "https://x/", "")).split(".")[1]), false);
});

test("the handle is taken out of what the app gets, and forgotten", () => {
  const renewal = new Renewal({ token_endpoint: "https://x/t" } as Constants);
  const message: TokenMessage = { access_token: "a", expires_in: 1, renewal_handle: "secret", session_kept: "tab" };
  assert.deepEqual(renewal.take(message), { message: { access_token: "a", expires_in: 1 }, kept: "tab" });
  assert.equal(renewal.held, true);
  renewal.forget();
  assert.equal(renewal.held, false);
});
