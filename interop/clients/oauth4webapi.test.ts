// npm oauth4webapi: https://github.com/panva/oauth4webapi
import assert from "node:assert/strict";
import test from "node:test";
import * as oauth from "oauth4webapi";
import { between, secret, signingKey, User, world } from "../harness/world.ts";

const issuer = new URL(world.issuer);
const discover = async (algorithm: "oidc" | "oauth2" = "oidc"): Promise<oauth.AuthorizationServer> =>
  oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm }));

interface Way {
  client: oauth.Client;
  authentication: oauth.ClientAuth;
  dpop?: oauth.DPoPHandle;
  pushed?: boolean;
}

/** Asks again with the nonce that the server gave (RFC 9449 §8); the handle has taken it. */
async function withNonce<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return ask();
  }
}

/** Code and PKCE, with each check that the library has. */
async function signIn(as: oauth.AuthorizationServer, way: Way): Promise<oauth.TokenEndpointResponse> {
  const { client, authentication, dpop, pushed = false } = way;
  const options = dpop && { DPoP: dpop };
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  let asked = new URLSearchParams({
    client_id: client.client_id, redirect_uri: world.callback, response_type: "code", scope: "openid email read", state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  if (pushed) {
    const { request_uri } = await withNonce(async () => {
      const response = await oauth.pushedAuthorizationRequest(as, client, authentication, asked, options);
      return oauth.processPushedAuthorizationResponse(as, client, response);
    });
    asked = new URLSearchParams({ client_id: client.client_id, request_uri });
    await between();
  }
  const back = await new User().visit(`${as.authorization_endpoint}?${asked}`);
  await between();
  const answer = oauth.validateAuthResponse(as, client, back, state);
  return withNonce(async () => {
    const response = await oauth.authorizationCodeGrantRequest(as, client, authentication, answer, world.callback, verifier, options);
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce, requireIdToken: true });
    await oauth.validateApplicationLevelSignature(as, response);
    return tokens;
  });
}

function subject(tokens: oauth.TokenEndpointResponse): string {
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  assert.ok(claims);
  return claims.sub;
}

test("metadata at both addresses", async () => {
  const [oidc, oauth2] = [await discover("oidc"), await discover("oauth2")];
  assert.deepEqual(oauth2, oidc);
});

test("code and PKCE, signature of the ID token, user info, refresh", async () => {
  const as = await discover();
  const client: oauth.Client = { client_id: "web" };
  const authentication = oauth.ClientSecretBasic(secret("web"));
  const tokens = await signIn(as, { client, authentication });
  await between();
  const answer = await oauth.userInfoRequest(as, client, tokens.access_token);
  assert.equal((await oauth.processUserInfoResponse(as, client, subject(tokens), answer)).email, "ann@example.com");
  await between();
  const refresh = await oauth.refreshTokenGrantRequest(as, client, authentication, tokens.refresh_token ?? "");
  assert.equal(subject(await oauth.processRefreshTokenResponse(as, client, refresh)), subject(tokens));
});

test("RS256 and signed user info", async () => {
  const as = await discover();
  const client: oauth.Client = { client_id: "rs256", id_token_signed_response_alg: "RS256", userinfo_signed_response_alg: "RS256" };
  const tokens = await signIn(as, { client, authentication: oauth.ClientSecretPost(secret("rs256")) });
  await between();
  const answer = await oauth.userInfoRequest(as, client, tokens.access_token);
  assert.equal((await oauth.processUserInfoResponse(as, client, subject(tokens), answer)).email, "ann@example.com");
  await oauth.validateApplicationLevelSignature(as, answer);
});

test("private_key_jwt, pushed, DPoP with nonces", async () => {
  const as = await discover();
  const client: oauth.Client = { client_id: "fapi" };
  const dpop = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
  const tokens = await signIn(as, { client, authentication: oauth.PrivateKeyJwt(await signingKey()), dpop, pushed: true });
  assert.equal(tokens.token_type, "dpop");
  await between();
  const user = await withNonce(async () => {
    const answer = await oauth.userInfoRequest(as, client, tokens.access_token, { DPoP: dpop });
    return oauth.processUserInfoResponse(as, client, subject(tokens), answer);
  });
  assert.equal(user.email, "ann@example.com");
});

test("DPoP with a key of each kind", async () => {
  const as = await discover();
  const client: oauth.Client = { client_id: "bound" };
  for (const alg of ["ES256", "PS256"]) {
    const dpop = oauth.DPoP(client, await oauth.generateKeyPair(alg));
    assert.equal((await signIn(as, { client, authentication: oauth.None(), dpop })).token_type, "dpop", alg);
  }
});

test("a JWT access token is good for an API", async () => {
  const as = await discover();
  const client: oauth.Client = { client_id: "batch" };
  const response = await oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretBasic(secret("batch")), { scope: "read" });
  const { access_token } = await oauth.processClientCredentialsResponse(as, client, response);
  await between();
  const call = new Request("https://api.example/", { headers: { Authorization: `Bearer ${access_token}` } });
  const claims = await oauth.validateJwtAccessToken(as, call, world.issuer);
  assert.equal(claims.client_id, "batch");
});

test("introspection as a JWT", async () => {
  const as = await discover();
  const tokens = await signIn(as, { client: { client_id: "web" }, authentication: oauth.ClientSecretBasic(secret("web")) });
  await between();
  const client: oauth.Client = { client_id: "api", introspection_signed_response_alg: "ES256" };
  const options = { requestJwtResponse: true };
  const response = await oauth.introspectionRequest(as, client, oauth.ClientSecretBasic(secret("api")), tokens.access_token, options);
  assert.match(response.headers.get("content-type") ?? "", /^application\/token-introspection\+jwt/);
  const answer = await oauth.processIntrospectionResponse(as, client, response);
  await oauth.validateApplicationLevelSignature(as, response);
  assert.equal(answer.active, true);
  assert.equal(answer.client_id, "web");
});

test("device", async () => {
  const as = await discover();
  const client: oauth.Client = { client_id: "tv" };
  const started = await oauth.deviceAuthorizationRequest(as, client, oauth.None(), { scope: "openid" });
  const device = await oauth.processDeviceAuthorizationResponse(as, client, started);
  await between();
  assert.equal(await new User().read(device.verification_uri_complete ?? ""), "Your device is connected");
  await between();
  const response = await oauth.deviceCodeGrantRequest(as, client, oauth.None(), device.device_code);
  assert.ok(subject(await oauth.processDeviceCodeResponse(as, client, response)));
});

test("a device that asks before the user has decided, and too often", async () => {
  const as = await discover();
  const client: oauth.Client = { client_id: "tv" };
  const started = await oauth.deviceAuthorizationRequest(as, client, oauth.None(), { scope: "openid" });
  const device = await oauth.processDeviceAuthorizationResponse(as, client, started);
  for (const error of ["authorization_pending", "slow_down"]) {
    await between();
    const response = await oauth.deviceCodeGrantRequest(as, client, oauth.None(), device.device_code);
    await assert.rejects(oauth.processDeviceCodeResponse(as, client, response), { error });
  }
});
