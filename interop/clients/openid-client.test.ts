// npm openid-client: https://github.com/panva/openid-client
import assert from "node:assert/strict";
import test from "node:test";
import * as client from "openid-client";
import { discover, SCOPE, signIn, subject, web } from "../harness/openid.ts";
import { allNodes, between, mutualTLS, secret, signingKey, User, world } from "../harness/world.ts";

test("code and PKCE, user info", async () => {
  const config = await web();
  const tokens = await signIn(config);
  await between();
  const user = await client.fetchUserInfo(config, tokens.access_token, subject(tokens));
  assert.equal(user.email, "ann@example.com");
  assert.equal(user.name, "Ann Archer");
});

test("code and PKCE, RS256, signed user info", async () => {
  const metadata = { id_token_signed_response_alg: "RS256", userinfo_signed_response_alg: "RS256" };
  const config = await discover("rs256", client.ClientSecretPost(secret("rs256")), metadata);
  const tokens = await signIn(config);
  const user = await client.fetchUserInfo(config, tokens.access_token, subject(tokens));
  assert.equal(user.email, "ann@example.com");
});

test("code and PKCE of a public client", async () => {
  const tokens = await signIn(await discover("native", client.None()), { parameters: { redirect_uri: "http://127.0.0.1:50123/cb" } });
  assert.ok(subject(tokens));
});

test("max_age and a second sign-in", async () => {
  const config = await web();
  const user = new User();
  const first = (await signIn(config, { user })).claims();
  const silent = (await signIn(config, { user, parameters: { prompt: "none" } })).claims();
  assert.equal(silent?.sub, first?.sub);
  assert.equal(silent?.auth_time, first?.auth_time);
});

test("prompt=none without a session", async () => {
  const config = await web();
  await assert.rejects(signIn(config, { parameters: { prompt: "none" } }), { error: "login_required" });
});

test("refresh", async () => {
  const config = await web();
  const tokens = await signIn(config);
  await between();
  assert.ok(tokens.refresh_token);
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(renewed.access_token, tokens.access_token);
  assert.equal(subject(renewed), subject(tokens));
});

test("refresh of a public client rotates", async () => {
  const config = await discover("native", client.None());
  let { refresh_token: token } = await signIn(config, { parameters: { redirect_uri: "http://127.0.0.1:50123/cb" } });
  for (let turn = 0; turn < 3; turn++) {
    await between();
    assert.ok(token);
    const next = (await client.refreshTokenGrant(config, token)).refresh_token;
    assert.ok(next);
    assert.notEqual(next, token);
    token = next;
  }
});

test("pushed authorization request", async () => {
  const tokens = await signIn(await web(), { pushed: true });
  assert.ok(subject(tokens));
});

test("DPoP with nonces", async () => {
  const config = await discover("bound", client.None());
  const dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
  const tokens = await signIn(config, { dpop });
  assert.equal(tokens.token_type, "dpop");
  await between();
  const options = { DPoP: dpop };
  assert.ok((await client.fetchUserInfo(config, tokens.access_token, subject(tokens), options)).email);
  assert.ok(tokens.refresh_token);
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options);
  assert.equal(renewed.token_type, "dpop");
});

test("private_key_jwt, pushed and DPoP together", async () => {
  const config = await discover("fapi", client.PrivateKeyJwt(await signingKey()));
  const dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const tokens = await signIn(config, { dpop, pushed: true });
  assert.equal(tokens.token_type, "dpop");
  assert.ok(subject(tokens));
});

test("private_key_jwt", async () => {
  const config = await discover("keys", client.PrivateKeyJwt(await signingKey()));
  const tokens = await signIn(config);
  assert.ok(subject(tokens));
});

test("a signed request object", async () => {
  const config = await discover("keys", client.PrivateKeyJwt(await signingKey()));
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const asked = {
    redirect_uri: world.callback, scope: "openid", state,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  };
  const back = await new User().visit(await client.buildAuthorizationUrlWithJAR(config, asked, await signingKey()));
  await between();
  const tokens = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state });
  assert.ok(subject(tokens));
});

test("client_credentials with each way to authenticate", async () => {
  const ways: [string, client.ClientAuth][] = [
    ["batch", client.ClientSecretBasic(secret("batch"))],
    ["batch", client.ClientSecretPost(secret("batch"))],
    ["mac", client.ClientSecretJwt(secret("mac"))],
    ["keys", client.PrivateKeyJwt(await signingKey())],
  ];
  for (const [id, authentication] of ways) {
    const tokens = await client.clientCredentialsGrant(await discover(id, authentication), { scope: "read" });
    assert.equal(tokens.scope, "read", id);
    await between();
  }
});

test("device", async () => {
  const config = await discover("tv", client.None());
  const device = await client.initiateDeviceAuthorization(config, { scope: SCOPE });
  await between();
  assert.equal(await new User().read(device.verification_uri_complete ?? ""), "Your device is connected");
  await between();
  const tokens = await client.pollDeviceAuthorizationGrant(config, { ...device, interval: 0.1 });
  assert.ok(subject(tokens));
});

test("introspection and revocation", async () => {
  const config = await web();
  const { access_token: token } = await signIn(config);
  await between();
  const before = await client.tokenIntrospection(config, token);
  assert.equal(before.active, true);
  assert.equal(before.client_id, "web");
  await between();
  await client.tokenRevocation(config, token);
  assert.equal((await client.tokenIntrospection(config, token)).active, false);
});

test("introspection as a JWT", async () => {
  const { access_token: token } = await signIn(await web());
  const metadata = { introspection_signed_response_alg: "ES256" };
  const config = await discover("api", client.ClientSecretBasic(secret("api")), metadata);
  const answer = await client.tokenIntrospection(config, token);
  assert.equal(answer.active, true);
});

test("sign-out at the end session endpoint", async () => {
  const config = await web();
  const user = new User();
  const tokens = await signIn(config, { user });
  await between();
  const address = client.buildEndSessionUrl(config, { post_logout_redirect_uri: world.goodbye, id_token_hint: tokens.id_token ?? "", state: "over" });
  assert.equal(String(await user.visit(address)), `${world.goodbye}?state=over`);
  await between();
  await assert.rejects(signIn(config, { user, parameters: { prompt: "none" } }), { error: "login_required" });
});

test("mutual TLS, tokens bound to the certificate", async () => {
  const metadata = { use_mtls_endpoint_aliases: true, tls_client_certificate_bound_access_tokens: true };
  const config = await discover("certified", client.TlsClientAuth(), metadata);
  config[client.customFetch] = mutualTLS();
  const tokens = await signIn(config);
  await between();
  assert.equal((await client.fetchUserInfo(config, tokens.access_token, subject(tokens))).email, "ann@example.com");
  await assert.rejects(client.fetchUserInfo(await web(), tokens.access_token, subject(tokens)), { status: 401 });
});

test("token exchange", async () => {
  const { access_token } = await signIn(await web());
  const config = await discover("gateway", client.ClientSecretBasic(secret("gateway")));
  await between();
  const tokens = await client.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:token-exchange", {
    subject_token: access_token, subject_token_type: "urn:ietf:params:oauth:token-type:access_token", scope: "read",
  });
  assert.equal(tokens.scope, "read");
  assert.notEqual(tokens.access_token, access_token);
});

test("hybrid: an ID token beside the code", async () => {
  const config = await discover("hybrid", client.ClientSecretBasic(secret("hybrid")));
  client.useCodeIdTokenResponseType(config);
  assert.ok(subject(await signIn(config)));
});

test("implicit: an ID token alone", async () => {
  const config = await discover("hybrid", client.None());
  client.useIdTokenResponseType(config);
  const nonce = client.randomNonce();
  const back = await new User().visit(client.buildAuthorizationUrl(config, { redirect_uri: world.callback, scope: "openid", nonce }));
  await between();
  const claims = await client.implicitAuthentication(config, back, nonce);
  assert.ok(claims.sub);
});

test("dynamic registration, known to every node at once", async () => {
  const metadata = { redirect_uris: [world.callback], token_endpoint_auth_method: "client_secret_post", grant_types: ["authorization_code", "refresh_token"], scope: SCOPE, client_name: "A new app" };
  const options = { initialAccessToken: world.registration };
  await allNodes();
  const config = await client.dynamicClientRegistration(new URL(world.issuer), metadata, client.ClientSecretPost(), options);
  const asked = { redirect_uri: world.callback, scope: "openid", code_challenge: await client.calculatePKCECodeChallenge("v"), code_challenge_method: "S256" };
  const address = client.buildAuthorizationUrl(config, asked);
  const users = [new User(), new User(), new User()];
  for (const user of users) assert.ok((await user.visit(address)).searchParams.get("code"));
  assert.ok(subject(await signIn(config)));
});
