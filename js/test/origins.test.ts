import assert from "node:assert/strict";
import { test } from "node:test";
import { literalOrigin, patternRule, resolve } from "../src/origins.ts";

const page = "https://app.example";

function allowed(pattern: string, url: string): boolean {
  const found = resolve(url, page + "/start/");
  return found !== undefined && patternRule([pattern], page)(found);
}

test("a URL of the page's origin is matched by its path form", () => {
  for (const [pattern, url, want] of [
    ["^/.*$", "/api", true],
    ["^/.*$", "api?x=1", true],
    ["^/.*$", "https://app.example/api", true],
    ["^/api\\?x=1$", "/api?x=1#part", true],
    ["^/start/api$", "api", true],
    ["^/api$", "/api/other", false],
    ["^https://app\\.example/", "/api", false],
  ] as const) {
    assert.equal(allowed(pattern, url), want, `${pattern} ${url}`);
  }
});

test("a path pattern never reaches another origin", () => {
  for (const url of ["//evil.example/api", "/\\evil.example", "\\\\evil.example/", "https://evil.example/api", "http://app.example/api", "https://app.example:444/"]) {
    for (const pattern of ["^/.*$", ".*", "/api", "", "^https?://.*"]) assert.equal(allowed(pattern, url), false, `${pattern} ${url}`);
  }
});

test("another origin is matched only by a pattern that names it", () => {
  for (const [pattern, url, want] of [
    ["^https://api\\.example\\.com/", "https://api.example.com/v1", true],
    ["^https:\\/\\/api\\.example\\.com\\/v1", "https://api.example.com/v1/x", true],
    ["https://api.example.com/", "https://api.example.com/", true],
    ["^https://api\\.example\\.com", "https://api.example.com/v1", true],
    ["^https://api\\.example\\.com", "https://api.example.com.evil.test/", false],
    ["^https://api.example.com", "https://apixexample.com/", false],
    ["https://api\\.example\\.com/", "https://evil.test/?https://api.example.com/", false],
    ["^https://api\\.example\\.com/|.*", "https://evil.test/", false],
    ["^https://api\\.example\\.com/", "https://api.example.com@evil.test/", false],
    ["^https://api\\.example\\.com/v1", "https://api.example.com/v2", false],
    ["^http://127\\.0\\.0\\.1:8100/api", "http://127.0.0.1:8100/api", true],
    ["^http://127\\.0\\.0\\.1:8100/api", "http://127.0.0.1:8101/api", false],
    ["^http://\\[::1\\]:8100/", "http://[::1]:8100/api", true],
  ] as const) {
    assert.equal(allowed(pattern, url), want, `${pattern} ${url}`);
  }
});

test("what is not one literal origin", () => {
  for (const pattern of [
    "https?://api\\.example\\.com/", "^https://.*", "^https://.+\\.example\\.com/", "^(https://a\\.example/)", "^https://[a-z]+/", "^https://a{2}/",
    "^https://api\\.example\\.com.*", "^https://api\\.example\\.(com|net)/", "^https://\\w+/", "^http://localhost:\\d+/", "^http://localhost:80*/",
    "^ftp://a/", "^//a/", "^https://user@a/", "^https:///", "^.*https://a/", "",
  ]) {
    assert.equal(literalOrigin(pattern), undefined, pattern);
  }
});

test("only http and https have origins", () => {
  for (const url of ["data:text/plain,x", "blob:https://app.example/1", "file:///api", "about:blank", "javascript:0", "https://"]) assert.equal(resolve(url, page), undefined, url);
});

test("a broken pattern is refused at once", () => {
  assert.throws(() => patternRule(["("], page), /'\('/);
});
