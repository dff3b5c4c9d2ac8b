import type { AdditionalData, TokenResult } from "../assisted-token.d.ts";
import type { TokenMessage } from "./message.ts";
import { log } from "./log.ts";
import { allowsHeldToken, words, type Asked } from "./parameters.ts";

interface Held {
  token: string;
  expires: number;
  /** When to stop trusting it: a little before its end, for the time that a request is on its way. */
  stale: number;
  scope: string[];
  data: AdditionalData;
}

/** The one token of an assistant, in memory only. */
export class Tokens {
  private held: Held | undefined;

  keep(message: TokenMessage, ask: Asked, now = Date.now()): TokenResult {
    const { access_token: token, ...data } = message;
    const end = now / 1000 + data.expires_in;
    this.held = {
      token,
      expires: Math.floor(end),
      stale: end - Math.min(5, data.expires_in / 10),
      // RFC 6749 section 5.1: an answer without a scope has the one that was asked for.
      scope: words(typeof data["scope"] === "string" ? data["scope"] : ask.scope),
      data,
    };
    log("token received; scope", data["scope"], "expires", this.held.expires);
    return { ...data, token, expires: this.held.expires };
  }

  /** Forgets the token, and gives it for the last time. */
  forget(): string {
    const token = this.token();
    this.held = undefined;
    return token;
  }

  token(): string {
    return this.held?.token ?? "";
  }

  data(): AdditionalData {
    return { ...this.held?.data };
  }

  isExpired(now = Date.now()): boolean {
    return !this.held || now / 1000 >= this.held.stale;
  }

  /** The held token, if it is as good as a new one would be for what is asked. */
  goodFor(ask: Asked, now = Date.now()): TokenResult | undefined {
    const held = this.held;
    if (!held || this.isExpired(now) || !allowsHeldToken(ask)) return undefined;
    if (!words(ask.scope).every((word) => held.scope.includes(word))) return undefined;
    return { ...held.data, token: held.token, expires: held.expires };
  }
}
