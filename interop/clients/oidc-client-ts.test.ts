// npm oidc-client-ts, in Chromium: https://github.com/authts/oidc-client-ts
import assert from "node:assert/strict";
import test from "node:test";
import { App } from "../harness/app.ts";
import { between } from "../harness/world.ts";

test("sign-in by redirect, renewal in a frame, sign-out", async () => {
  const app = await App.open("/oidc-client-ts/spa");
  assert.equal(await app.user(), undefined);
  await app.signIn();
  const first = await app.shown();
  assert.equal(first.email, "ann@example.com");
  await between();
  await app.renew();
  const second = await app.shown();
  assert.equal(second.sub, first.sub);
  assert.notEqual(second.token, first.token);
  await between();
  await app.signOut();
  assert.equal(await app.user(), undefined);
  await assert.rejects(app.renew(), /login_required/);
});

test("renewal by refresh token", async () => {
  const app = await App.open("/oidc-client-ts/spa-refresh");
  await app.signIn();
  let before = await app.shown();
  for (let turn = 0; turn < 2; turn++) {
    await between();
    await app.renew();
    const after = await app.shown();
    assert.equal(after.sub, before.sub);
    assert.notEqual(after.token, before.token);
    before = after;
  }
});

test("sign-out in another tab", async () => {
  const app = await App.open("/oidc-client-ts/spa");
  await app.signIn();
  await between();
  assert.ok(await app.user());
  await app.signOutElsewhere();
});
