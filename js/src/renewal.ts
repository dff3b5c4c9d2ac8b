import type { Constants } from "../assisted-token.d.ts";
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
const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;

function base64url(bytes: ArrayBuffer | Uint8Array): string {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** A fresh key; undefined where the page has no crypto.subtle (plain http elsewhere than on localhost). */
export async function makeKey(): Promise<Key | undefined> {
  const { subtle } = crypto as Partial<Crypto>;
  if (!subtle) return undefined;
  const { privateKey, publicKey } = await subtle.generateKey(CURVE, false, ["sign"]);
  const { crv, kty, x, y } = await subtle.exportKey("jwk", publicKey);
  const jwk = { crv, kty, x, y }; // in the order that the thumbprint is made of
  return {
    jwk,
    jkt: base64url(await subtle.digest("SHA-256", encode(JSON.stringify(jwk)))),
    sign: async (text) => base64url(await subtle.sign({ ...CURVE, hash: "SHA-256" }, privateKey, encode(text))),
  };
}

/** A DPoP proof for one POST (RFC 9449 section 4.2). */
export async function makeProof(key: Key, htu: string, nonce: string, now = Date.now()): Promise<string> {
  const part = (content: object): string => base64url(encode(JSON.stringify(content)));
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

  /** Takes the handle out of an answer: what is left is the app's. */
  take(answer: TokenMessage): TokenMessage {
    const { renewal_handle, ...rest } = answer;
    this.handle = typeof renewal_handle === "string" ? renewal_handle : "";
    return rest as TokenMessage;
  }

  forget(): void {
    this.handle = "";
  }

  /** Asks by the handle what a hidden frame asks by a cookie. */
  async ask(query: URLSearchParams): Promise<TokenMessage> {
    const nonce = makeNonce();
    const form = new URLSearchParams({ ...Object.fromEntries(query), nonce, renewal_handle: this.handle });
    let answer = await this.send(form);
    if (isObject(answer) && answer["error"] === "use_dpop_nonce") answer = await this.send(form);
    const tokens = readTokens(answer, nonce);
    if (!tokens) throw errorFrom(answer);
    return tokens;
  }

  private async send(form: URLSearchParams): Promise<unknown> {
    const key = await this.key;
    if (!key) return undefined;
    const response = await post(this.url, form, HIDDEN_TIMEOUT, { DPoP: await makeProof(key, this.url, this.nonce) });
    this.nonce = response.headers.get("DPoP-Nonce") ?? this.nonce;
    return response.json();
  }
}
