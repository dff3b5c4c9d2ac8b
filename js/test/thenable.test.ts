import assert from "node:assert/strict";
import { test } from "node:test";
import type { TokenError } from "../assisted-token.d.ts";
import { failure } from "../src/errors.ts";
import { Thenable } from "../src/thenable.ts";

const refused = (): Thenable<number> => new Thenable<number>(Promise.reject(failure("access_denied", "no")));

test("every link has both styles", async () => {
  let link: Thenable<unknown> = new Thenable(Promise.resolve(1));
  for (const next of [link.then((n) => n), link.catch(() => 0), link.finally(() => undefined), link.done(), link.fail(), link.always()]) {
    for (const name of ["then", "catch", "finally", "done", "fail", "always"]) assert.equal(typeof Reflect.get(next, name), "function");
    link = next;
  }
  assert.equal(await link, 1);
});

test("done, fail and always add callbacks and change nothing, as jQuery's do", async () => {
  const seen: unknown[] = [];
  const note = (what: string) => (argument: unknown) => void seen.push([what, (argument as TokenError).error ?? argument]);
  await refused().done(note("done")).fail(note("fail"), [note("fail2")]).always(note("always")).catch(note("catch")).then(() => 5).done(note("done"));
  assert.deepEqual(seen, [["fail", "access_denied"], ["fail2", "access_denied"], ["always", "access_denied"], ["catch", "access_denied"], ["done", 5]]);
});

/** How many rejections nobody handled, while this runs and a little after. */
async function unhandled(run: () => void): Promise<number> {
  const others = process.listeners("unhandledRejection"); // the test runner's own
  process.removeAllListeners("unhandledRejection");
  let count = 0;
  process.on("unhandledRejection", () => count++);
  run();
  await new Promise((resolve) => setImmediate(resolve)); // the event comes before this
  process.removeAllListeners("unhandledRejection");
  others.forEach((listener) => process.on("unhandledRejection", listener));
  return count;
}

test("a rejection that the app listens to is handled, in either style", async () => {
  let error: TokenError | undefined;
  const count = await unhandled(() => {
    refused().then(() => assert.fail()).fail((e) => (error = e));
    refused().done(() => undefined).fail(() => undefined);
    refused().always(() => undefined);
  });
  assert.equal(count, 0);
  assert.equal(error?.error_code, "access_denied");
  assert.equal(await unhandled(() => void refused().then(() => 1)), 1);
});

test("a callback that throws is reported and stops no other", async () => {
  let called = false;
  const count = await unhandled(() => {
    const first = (): never => {
      throw new Error("in the app");
    };
    new Thenable(Promise.resolve(1)).done(first, () => (called = true));
  });
  assert.deepEqual([count, called], [1, true]);
});
