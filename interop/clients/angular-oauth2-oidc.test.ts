// npm angular-oauth2-oidc, in Chromium: https://github.com/manfredsteyer/angular-oauth2-oidc
import assert from "node:assert/strict";
import test from "node:test";
import { App } from "../harness/app.ts";
import { between } from "../harness/world.ts";

for (const [client, how] of [["spa", "in a frame"], ["spa-refresh", "by refresh token"]] as const) {
  test(`sign-in by redirect, renewal ${how}, sign-out`, async () => {
    const app = await App.open(`/angular-oauth2-oidc/${client}`);
    assert.equal(await app.user(), undefined);
    await app.signIn();
    let before = await app.shown();
    assert.equal(before.email, "ann@example.com");
    for (let turn = 0; turn < 2; turn++) {
      await between();
      await app.renew();
      const after = await app.shown();
      assert.equal(after.sub, before.sub);
      assert.notEqual(after.token, before.token);
      before = after;
    }
    await between();
    await app.signOut();
    assert.equal(await app.user(), undefined);
  });
}

test("sign-out in another tab", async () => {
  const app = await App.open("/angular-oauth2-oidc/spa");
  await app.signIn();
  await between();
  assert.ok(await app.user());
  await app.signOutElsewhere();
});
