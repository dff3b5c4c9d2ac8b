import assert from "node:assert/strict";
import { test } from "node:test";
import { hostOf } from "../src/host.ts";

const path = "/oauth/v2/oauth-assisted-token/resources/js/";

test("the server is what stands before the path", () => {
  for (const [src, want] of [
    [`https://idp.example${path}assisted-token.min.js`, "https://idp.example"],
    [`https://idp.example:8443${path}assisted-token.js?v=2#x`, "https://idp.example:8443"],
    [`https://example.com/login${path}assisted-token.js`, "https://example.com/login"],
    [`https://cdn.example/x.js?from=${path}`, undefined],
    ["https://cdn.example/assisted-token.js", undefined],
    ["data:text/javascript,0", undefined],
    ["", undefined],
  ] as const) {
    assert.equal(hostOf(src, path), want, src);
  }
});
