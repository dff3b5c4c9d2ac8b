// npm @openid/appauth, as a native app in Node: https://github.com/openid/AppAuth-JS
import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import test from "node:test";
import {
  AuthorizationNotifier, AuthorizationRequest, AuthorizationServiceConfiguration, BaseTokenRequestHandler,
  GRANT_TYPE_AUTHORIZATION_CODE, GRANT_TYPE_REFRESH_TOKEN, RevokeTokenRequest, setFlag, TokenRequest, type AuthorizationResponse,
} from "@openid/appauth";
import { NodeBasedHandler, NodeCrypto, NodeRequestor } from "@openid/appauth/built/src/node_support/index.js";
import { between, world } from "../harness/world.ts";

setFlag("IS_LOG", false);
const requestor = new NodeRequestor();

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Opens the browser, and hears of the answer at a loopback port (RFC 8252 §7.3). */
async function authorize(config: AuthorizationServiceConfiguration): Promise<{ request: AuthorizationRequest; response: AuthorizationResponse }> {
  const port = await freePort();
  const handler = new NodeBasedHandler(port);
  const notifier = new AuthorizationNotifier();
  handler.setAuthorizationNotifier(notifier);
  const heard = new Promise<{ request: AuthorizationRequest; response: AuthorizationResponse }>((resolve, reject) => {
    notifier.setAuthorizationListener((request, response, error) => (response ? resolve({ request, response }) : reject(error)));
  });
  const asked = { client_id: "native", redirect_uri: `http://127.0.0.1:${port}/cb`, scope: "openid offline_access", response_type: AuthorizationRequest.RESPONSE_TYPE_CODE };
  handler.performAuthorizationRequest(config, new AuthorizationRequest(asked, new NodeCrypto(), true));
  const { request, response } = await heard;
  assert.equal(response.state, request.state);
  return { request, response };
}

test("code and PKCE at a loopback port, refresh, revocation", async () => {
  const config = await AuthorizationServiceConfiguration.fetchFromIssuer(world.issuer, requestor);
  const { request, response } = await authorize(config);
  await between();
  const tokens = new BaseTokenRequestHandler(requestor);
  const redirect = { client_id: "native", redirect_uri: request.redirectUri };
  const extras = { code_verifier: request.internal?.["code_verifier"] ?? "" };
  const first = await tokens.performTokenRequest(config, new TokenRequest({ ...redirect, grant_type: GRANT_TYPE_AUTHORIZATION_CODE, code: response.code, extras }));
  assert.ok(first.isValid(0) && first.refreshToken && first.idToken);
  await between();
  const second = await tokens.performTokenRequest(config, new TokenRequest({ ...redirect, grant_type: GRANT_TYPE_REFRESH_TOKEN, refresh_token: first.refreshToken }));
  assert.ok(second.refreshToken);
  assert.notEqual(second.accessToken, first.accessToken);
  await between();
  const refresh = { ...redirect, grant_type: GRANT_TYPE_REFRESH_TOKEN, refresh_token: second.refreshToken };
  await tokens.performRevokeTokenRequest(config, new RevokeTokenRequest({ client_id: "native", token: second.refreshToken }));
  await assert.rejects(tokens.performTokenRequest(config, new TokenRequest(refresh)));
});
