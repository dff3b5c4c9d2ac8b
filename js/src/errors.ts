import type { ErrorCode, Reason, TokenError } from "../assisted-token.d.ts";

/** The one way a rejection is made: a plain object, as apps have always got. */
export function failure(error: ErrorCode | (string & {}), error_description: string, more: { error_uri?: string; reason?: Reason } = {}): TokenError {
  return { error, error_description, error_code: error, ...more };
}

const REASONS: readonly unknown[] = ["not_signed_in", "needs_click", "cookies_blocked"] satisfies Reason[];

/** What the server says of the reason; undefined where that is none of those known. */
export function reasonOf(value: unknown): Reason | undefined {
  return REASONS.includes(value) ? (value as Reason) : undefined;
}

/** Whether this error says that the user has to act, so that a visible request may help. */
export function needsUser(error: unknown): boolean {
  const code = (error as Partial<TokenError> | undefined)?.error;
  return code === "interaction_required" || code === "consent_required";
}

/** A hidden frame said nothing. A blocked frame cannot be told from a slow one, so all causes are named. */
export function silence(hostUrl: string, clientId: string, seconds: number): TokenError {
  const server = new URL(hostUrl).origin;
  const text =
    `No answer from ${server} within ${seconds} seconds. ` +
    `Is this page's origin, ${location.origin}, among the allowed origins of the client '${clientId}'? ` +
    `Is the server's certificate trusted (open ${hostUrl}/ in a tab)? ` +
    `Is this page's Content-Security-Policy in the way (it needs: frame-src ${server})?`;
  console.warn("usher: " + text);
  return failure("temporarily_unavailable", text);
}
