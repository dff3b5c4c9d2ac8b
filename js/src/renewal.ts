import type { Constants } from "../assisted-token.d.ts";
import { base64url, subtle, utf8 } from "./bytes.ts";
import { isObject, makeNonce, readTokens, errorFrom, type TokenMessage } from "./message.ts";
import { post } from "./post.ts";
import { HIDDEN_TIMEOUT } from "./request.ts";

/** A key that signs in this page alone: the browser never gives its private half away. */
export interface Key {
  jwk: object;
  /** Its SHA-256 thumbprint (RFC 7638). */
  jkt: string;
  sign(text: string): Promise<string>;
}

const CURVE = { name: "ECDSA", namedCurve: "P-256" };

/** How long to count on a nonce of the server, in milliseconds: a little less than the minute that it lives. */
const NONCE_LIFE = 50_000;

/** A fresh key; undefined where the page has no crypto.subtle (plain http elsewhere than on localhost). */
export async function makeKey(): Promise<Key | undefined> {
  const web = subtle();
  if (!web) return undefined;
  const { privateKey, publicKey } = await web.generateKey(CURVE, false, ["sign"]);
  const { crv, kty, x, y } = await web.exportKey("jwk", publicKey);
  const jwk = { crv, kty, x, y }; // in the order that the thumbprint is made of
  return {
    jwk,
    jkt: base64url(await web.digest("SHA-256", utf8(JSON.stringify(jwk)))),
    sign: async (text) => base64url(await web.sign({ ...CURVE, hash: "SHA-256" }, privateKey, utf8(text))),
  };
}

/** A DPoP proof for one POST (RFC 9449 section 4.2). */
export async function makeProof(key: Key, htu: string, nonce: string, now = Date.now()): Promise<string> {
  const part = (content: object): string => base64url(utf8(JSON.stringify(content)));
  const head = part({ typ: "dpop+jwt", alg: "ES256", jwk: key.jwk });
  const body = part({ jti: makeNonce(), htm: "POST", htu, iat: Math.floor(now / 1000), ...(nonce && { nonce }) });
  return `${head}.${body}.${await key.sign(`${head}.${body}`)}`;
}

/**
 * Renewal without a cookie: the handle that came with a token, good with this page's key alone. Neither leaves the
 * library's memory, and the app has no way to them.
 */
export class Renewal {
  private readonly key: Promise<Key | undefined> = makeKey().catch(() => undefined);
  private readonly url: string;
  private handle = "";
  private nonce = "";
  private nonceSince = 0;

  constructor(server: Constants) {
    this.url = `${server.token_endpoint}/renewal`;
  }

  get held(): boolean {
    return this.handle !== "";
  }

  /** The request with the key's name in it, so that a handle comes with the answer. */
  async named(query: URLSearchParams): Promise<URLSearchParams> {
    const key = await this.key;
    return new URLSearchParams({ ...Object.fromEntries(query), ...(key && { dpop_jkt: key.jkt }) });
  }

  /** Takes what is the library's alone out of an answer; what is left is the app's. */
  take(answer: TokenMessage): { message: TokenMessage; kept: unknown } {
    const { renewal_handle, session_kept, ...rest } = answer;
    this.handle = typeof renewal_handle === "string" ? renewal_handle : "";
    return { message: rest as TokenMessage, kept: session_kept };
  }

  forget(): void {
    this.handle = "";
  }

  /** Asks by the handle what a hidden frame asks by a cookie. */
  async ask(query: URLSearchParams): Promise<TokenMessage> {
    const nonce = makeNonce();
    const form = new URLSearchParams({ ...Object.fromEntries(query), nonce, renewal_handle: this.handle });
    // Without a fresh nonce a proof would be in vain: the first request only brings one.
    if (Date.now() - this.nonceSince > NONCE_LIFE) await this.send(form, {});
    let answer = await this.proved(form);
    if (isObject(answer) && answer["error"] === "use_dpop_nonce") answer = await this.proved(form);
    const tokens = readTokens(answer, nonce);
    if (!tokens) throw errorFrom(answer);
    return tokens;
  }

  private async proved(form: URLSearchParams): Promise<unknown> {
    const key = await this.key;
    return key && this.send(form, { DPoP: await makeProof(key, this.url, this.nonce) });
  }

  private async send(form: URLSearchParams, headers: Record<string, string>): Promise<unknown> {
    const response = await post(this.url, form, HIDDEN_TIMEOUT, headers);
    const nonce = response.headers.get("DPoP-Nonce");
    if (nonce) [this.nonce, this.nonceSince] = [nonce, Date.now()];
    return response.json();
  }
}
