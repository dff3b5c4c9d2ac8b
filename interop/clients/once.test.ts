// What may be used once stays used, whichever node sees it the next time (npm openid-client, npm oauth4webapi).
import assert from "node:assert/strict";
import test from "node:test";
import * as oauth from "oauth4webapi";
import * as client from "openid-client";
import { authorize, discover, SCOPE, signIn, web } from "../harness/openid.ts";
import { between, signingKey, User, world } from "../harness/world.ts";

test("a code used twice ends what it gave at first", async () => {
  const config = await web();
  const { back, checks } = await authorize(config);
  const tokens = await client.authorizationCodeGrant(config, back, checks);
  await between();
  assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, true);
  await assert.rejects(client.authorizationCodeGrant(config, back, checks), { error: "invalid_grant" });
  await between();
  assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false);
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token ?? ""), { error: "invalid_grant" });
});

test("a refresh token of long ago ends its family", async () => {
  const config = await discover("native", client.None());
  const { refresh_token: oldest = "" } = await signIn(config, { parameters: { redirect_uri: "http://127.0.0.1:50123/cb" } });
  let newest = oldest;
  for (let turn = 0; turn < 2; turn++) {
    newest = (await client.refreshTokenGrant(config, newest)).refresh_token ?? "";
    await between();
  }
  await assert.rejects(client.refreshTokenGrant(config, oldest), { error: "invalid_grant" });
  await between();
  await assert.rejects(client.refreshTokenGrant(config, newest), { error: "invalid_grant" });
});

test("a client assertion", async () => {
  const jti = crypto.randomUUID();
  const modify = { [client.modifyAssertion]: (_: object, payload: Record<string, unknown>) => void (payload["jti"] = jti) };
  const config = await discover("keys", client.PrivateKeyJwt(await signingKey(), modify));
  assert.ok((await client.clientCredentialsGrant(config, { scope: "read" })).access_token);
  await between();
  await assert.rejects(client.clientCredentialsGrant(config, { scope: "read" }), { status: 401 });
});

test("a DPoP proof", async () => {
  const issuer = new URL(world.issuer);
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
  const app: oauth.Client = { client_id: "keys" };
  const jti = crypto.randomUUID();
  const fixed = { [oauth.modifyAssertion]: (_: object, payload: Record<string, unknown>) => void (payload["jti"] = jti) };
  const keys = await oauth.generateKeyPair("ES256");
  const authentication = oauth.PrivateKeyJwt(await signingKey());
  const ask = async (dpop: oauth.DPoPHandle): Promise<oauth.TokenEndpointResponse> => {
    const response = await oauth.clientCredentialsGrantRequest(as, app, authentication, { scope: "read" }, { DPoP: dpop });
    return oauth.processClientCredentialsResponse(as, app, response);
  };
  const dpop = oauth.DPoP(app, keys, fixed);
  const first = await ask(dpop).catch((error: unknown) => {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return ask(dpop);
  });
  assert.equal(first.token_type, "dpop");
  await between();
  await assert.rejects(ask(dpop), { error: "invalid_dpop_proof" });
});

test("a pushed request", async () => {
  const config = await web();
  const challenge = await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier());
  const asked = { redirect_uri: world.callback, scope: SCOPE, code_challenge: challenge, code_challenge_method: "S256" };
  const address = await client.buildAuthorizationUrlWithPAR(config, asked);
  assert.ok((await new User().visit(address)).searchParams.get("code"));
  await between();
  assert.equal((await new User().visit(address)).searchParams.get("error"), "invalid_request_uri");
});

test("a device code", async () => {
  const config = await discover("tv", client.None());
  const device = { ...(await client.initiateDeviceAuthorization(config, { scope: SCOPE })), interval: 0.1 };
  await new User().read(device.verification_uri_complete ?? "");
  assert.ok((await client.pollDeviceAuthorizationGrant(config, device)).access_token);
  await between();
  await assert.rejects(client.pollDeviceAuthorizationGrant(config, device), { error: "invalid_grant" });
});
