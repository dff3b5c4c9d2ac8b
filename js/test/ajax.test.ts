import assert from "node:assert/strict";
import { test } from "node:test";
import { prepareJQuery, prepareRequests } from "../src/ajax.ts";

/** Stands in for the browser's requests: it keeps what was set. */
class FakeRequest {
  headers: [string, string][] = [];
  sent = 0;
  open(_method: string, _url: string | URL): void {
    this.headers = [];
  }
  setRequestHeader(name: string, value: string): void {
    this.headers.push([name, value]);
  }
  send(): void {
    this.sent++;
  }
}
Object.assign(globalThis, { XMLHttpRequest: FakeRequest, document: { baseURI: "https://app.example/" } });

const own = (url: URL): boolean => url.origin === "https://app.example";
let token = "";
const sender = { header: () => token && `Bearer ${token}`, allows: own };

function headers(url: string, set?: [string, string], request = new FakeRequest()): [string, string][] {
  request.open("GET", url);
  if (set) request.setRequestHeader(...set);
  request.send();
  assert.equal(request.sent, 1);
  return request.headers;
}

test("the header is added once, to the places allowed, where none is set", () => {
  prepareRequests(sender);
  prepareRequests({ header: () => "", allows: own });
  assert.deepEqual(headers("/api"), []);
  token = "abc";
  assert.deepEqual(headers("/api"), [["Authorization", "Bearer abc"]]);
  assert.deepEqual(headers("/api", ["X-Other", "1"]), [["X-Other", "1"], ["Authorization", "Bearer abc"]]);
  assert.deepEqual(headers("/api", ["aUTHORIZATION", "Basic x"]), [["aUTHORIZATION", "Basic x"]]);
  assert.deepEqual(headers("https://other.example/api"), []);
  assert.deepEqual(headers("//other.example/api"), []);
  assert.deepEqual(headers("https://"), []);
});

test("the newest assistant that holds a token counts", () => {
  prepareRequests({ header: () => "Bearer newer", allows: own });
  assert.deepEqual(headers("/api"), [["Authorization", "Bearer newer"]]);
});

test("a request that is opened anew is looked at anew", () => {
  const request = new FakeRequest();
  assert.equal(headers("/api", undefined, request).length, 1);
  request.sent = 0;
  assert.deepEqual(headers("https://other.example/", undefined, request), []);
});

test("a jQuery prepared by hand: its own requests only", () => {
  class Detached extends FakeRequest {
    override open = FakeRequestBefore.open;
    override setRequestHeader = FakeRequestBefore.setRequestHeader;
    override send = FakeRequestBefore.send;
  }
  const prefilters: ((options: { xhr?: () => XMLHttpRequest }) => void)[] = [];
  const $ = { ajaxPrefilter: (handler: (typeof prefilters)[number]) => void prefilters.push(handler) };
  prepareJQuery($, sender);
  prepareJQuery($, sender);
  assert.equal(prefilters.length, 1);
  const options = { xhr: () => new Detached() as unknown as XMLHttpRequest };
  for (const handler of prefilters) handler(options);
  assert.deepEqual(headers("/api", undefined, options.xhr() as unknown as FakeRequest), [["Authorization", "Bearer abc"]]);
  assert.deepEqual(headers("/api", undefined, new Detached()), []);
});

/** The functions as they were before any was wrapped. */
const FakeRequestBefore = { open: FakeRequest.prototype.open, setRequestHeader: FakeRequest.prototype.setRequestHeader, send: FakeRequest.prototype.send };

test("a request of another document gets the token by an absolute address alone", () => {
  token = "abc";
  prepareRequests(sender);
  const frames = (url: string): number => {
    const request = { headers: [] as [string, string][] };
    const { open, setRequestHeader, send } = FakeRequest.prototype;
    Object.assign(request, { open, setRequestHeader, send, sent: 0 });
    (request as unknown as FakeRequest).open("GET", url);
    (request as unknown as FakeRequest).send();
    return request.headers.length;
  };
  assert.equal(frames("https://app.example/api"), 1);
  const relative = ["/api", "api", "", "?a", "//app.example/api", "https:api", "https:/api", "\\\\app.example/api"];
  for (const url of [...relative, "https:app.example/api", "https:\\app.example"]) assert.equal(frames(url), 0, url);
});
