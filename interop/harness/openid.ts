// What the tests of npm openid-client have in common.
import assert from "node:assert/strict";
import * as client from "openid-client";
import { between, secret, User, world } from "./world.ts";

export const SCOPE = "openid profile email read";

/** The client, as the library finds it together with the server's metadata. */
export function discover(id: string, authentication?: client.ClientAuth, metadata?: Partial<client.ClientMetadata>): Promise<client.Configuration> {
  return client.discovery(new URL(world.issuer), id, metadata, authentication);
}

/** The client that most tests take. */
export function web(): Promise<client.Configuration> {
  return discover("web", client.ClientSecretBasic(secret("web")));
}

export interface Asked {
  user?: User;
  pushed?: boolean;
  dpop?: client.DPoPHandle;
  parameters?: Record<string, string>;
}

/** What came back from the authorization endpoint, and what the library is to hold it against. */
export interface Answered {
  back: URL;
  checks: client.AuthorizationCodeGrantChecks;
}

/** Sends the user to sign in, with PKCE, state and nonce. */
export async function authorize(config: client.Configuration, { user = new User(), pushed = false, dpop, parameters = {} }: Asked = {}): Promise<Answered> {
  const verifier = client.randomPKCECodeVerifier();
  const [state, nonce] = [client.randomState(), client.randomNonce()];
  const asked = {
    redirect_uri: world.callback, scope: SCOPE, state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...parameters,
  };
  const address = pushed
    ? await client.buildAuthorizationUrlWithPAR(config, asked, dpop && { DPoP: dpop })
    : client.buildAuthorizationUrl(config, asked);
  await between();
  const back = await user.visit(address);
  await between();
  return { back, checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true } };
}

/** Code and PKCE with all that the library checks. */
export async function signIn(config: client.Configuration, asked: Asked = {}): Promise<client.TokenEndpointResponse & client.TokenEndpointResponseHelpers> {
  const { back, checks } = await authorize(config, asked);
  return client.authorizationCodeGrant(config, back, checks, undefined, asked.dpop && { DPoP: asked.dpop });
}

/** The subject, once the library has verified the ID token. */
export function subject(tokens: client.TokenEndpointResponseHelpers): string {
  const claims = tokens.claims();
  assert.ok(claims);
  return claims.sub;
}
