import assert from "node:assert/strict";
import { test } from "node:test";
import { acrossTabs, inTurn, SharedWork } from "../src/lock.ts";

test("work of one name is done in turn, also after a failure", async () => {
  const seen: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    seen.push("+" + name);
    await new Promise((resolve) => setImmediate(resolve));
    seen.push("-" + name);
    if (name === "b") throw new Error("b");
  };
  await Promise.allSettled([inTurn("x", work("a")), inTurn("x", work("b")), inTurn("x", work("c"))]);
  assert.deepEqual(seen, ["+a", "-a", "+b", "-b", "+c", "-c"]);
});

test("the same work is shared while it is under way", async () => {
  const shared = new SharedWork<number>();
  let count = 0;
  const work = async (): Promise<number> => ++count;
  assert.deepEqual(await Promise.all([shared.share("a", work), shared.share("a", work), shared.share("b", work)]), [1, 1, 2]);
  assert.equal(await shared.share("a", work), 3);
  await assert.rejects(shared.share("a", () => Promise.reject(new Error("no"))));
  assert.equal(await shared.share("a", work), 4);
});

/** Runs with the given thing as navigator.locks. */
async function withLocks(t: { after(done: () => void): void }, locks: unknown): Promise<void> {
  const original = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
  t.after(() => original && Object.defineProperty(globalThis, "navigator", original));
}

test("without locks, and where they are refused, the work is done all the same", async (t) => {
  await withLocks(t, undefined);
  assert.equal(await acrossTabs("x", async () => 1), 1);
  await withLocks(t, { request: () => Promise.reject(new Error("SecurityError")) });
  assert.equal(await acrossTabs("x", async () => 2), 2);
});

test("the work's own error comes through, and the work is done once", async (t) => {
  let count = 0;
  await withLocks(t, { request: (_name: string, _options: unknown, run: () => unknown) => run() });
  await assert.rejects(
    acrossTabs("x", async () => {
      count++;
      throw new Error("own");
    }),
    /own/,
  );
  assert.equal(count, 1);
});

test("a lock that never comes is waited for only so long", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await withLocks(t, {
    request: (_name: string, { signal }: { signal: AbortSignal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("AbortError")))),
  });
  const done = acrossTabs("x", async () => 1);
  t.mock.timers.tick(5000);
  assert.equal(await done, 1);
});
