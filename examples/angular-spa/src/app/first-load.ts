import type { Config } from './config';
import type { Metadata } from './discovery';

/** What is known of the user once the page has been at the server. */
export type FirstLoad =
  /** The page is on its way to the server. */
  | { state: 'leaving' }
  /** The server has a session of this user. */
  | { state: 'session' }
  /** It has none, or said why it will not tell. */
  | { state: 'none'; error: string }
  /** Nothing was asked just now: a reload, or a server without the implicit flow. */
  | { state: 'unknown' };

/** In sessionStorage: the nonce while the page is at the server, this word afterwards. */
const MARKER = 'usher-first-load';
const DONE = 'done';

/**
 * Takes the whole page to the authorization endpoint once in a tab, with prompt=none: the server shows nothing and
 * sends the page back, with an id_token where the user has a session. A whole page has the server's cookie also in
 * browsers that keep it from frames.
 */
export function askOnFirstLoad(metadata: Metadata, config: Config): FirstLoad {
  const answer = takeAnswer();
  if (!metadata.response_types_supported?.includes('id_token')) return { state: 'unknown' };
  try {
    const marker = sessionStorage.getItem(MARKER);
    if (marker === null) {
      const nonce = crypto.randomUUID();
      // Before anything else: whatever the server answers, or does not, the page never goes there twice.
      sessionStorage.setItem(MARKER, nonce);
      location.replace(authorizationUrl(metadata, config, nonce));
      return { state: 'leaving' };
    }
    sessionStorage.setItem(MARKER, DONE);
    return marker === DONE || !answer ? { state: 'unknown' } : judge(answer, metadata, config, marker);
  } catch {
    return { state: 'unknown' }; // a browser without sessionStorage: nothing would stop a loop
  }
}

function authorizationUrl({ authorization_endpoint }: Metadata, { clientId }: Config, nonce: string): string {
  const url = new URL(authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: 'id_token',
    scope: 'openid',
    client_id: clientId,
    redirect_uri: window.origin,
    prompt: 'none',
    nonce,
  }).toString();
  return url.href;
}

/** Reads the server's answer from the fragment, and cleans the address of it. */
function takeAnswer(): URLSearchParams | undefined {
  const answer = new URLSearchParams(location.hash.slice(1));
  if (!answer.has('id_token') && !answer.has('error')) return undefined;
  history.replaceState(history.state, '', location.pathname + location.search);
  return answer;
}

function judge(answer: URLSearchParams, metadata: Metadata, config: Config, nonce: string): FirstLoad {
  const token = answer.get('id_token');
  if (!token) return { state: 'none', error: answer.get('error') ?? '' };
  const claims = claimsOf(token);
  // OpenID Connect Core §3.2.2.11, without the signature: the answer only decides whether to ask for a token
  // silently. Who the user is comes from that token's message.
  const good =
    claims['nonce'] === nonce && claims['iss'] === metadata.issuer && claims['aud'] === config.clientId &&
    Number(claims['exp']) > Date.now() / 1000;
  return good ? { state: 'session' } : { state: 'none', error: 'the id_token is not an answer to this page' };
}

/** The claims of a JWT; none where it is not one. */
function claimsOf(token: string): Record<string, unknown> {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    return JSON.parse(atob(payload)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
