import { failure, reasonOf } from "./errors.ts";
import { own } from "./parameters.ts";

/** The success message of the assisted token endpoint. */
export interface TokenMessage {
  access_token: string;
  expires_in: number;
  [field: string]: unknown;
}

type Fields = Record<string, unknown>;

export function isObject(data: unknown): data is Fields {
  return typeof data === "object" && data !== null && !Array.isArray(data);
}

/**
 * Reads what a page of the server posted. Other kinds of messages give undefined; an error, or a
 * success that is not whole, is thrown as the rejection that the app gets.
 */
export function readTokens(data: unknown, nonce: string): TokenMessage | undefined {
  if (!isSuccess(data)) return undefined;
  const fields = own(data);
  const { access_token, expires_in, id_token } = fields;
  const type = fields["token_type"] ?? "bearer";
  if (typeof access_token !== "string" || !/^[\x21-\x7e]+$/.test(access_token)) throw failure("server_error", "The server's answer has no token.");
  if (typeof type !== "string" || type.toLowerCase() !== "bearer") throw failure("server_error", "The server's answer has a token of another type than bearer.");
  if (typeof expires_in !== "number" || !(expires_in >= 0)) throw failure("server_error", "The server's answer does not say how long the token lives.");
  if (id_token !== undefined && nonceOf(id_token) !== nonce) throw failure("server_error", "The id_token's nonce is not the one of this request.");
  return { ...data, access_token, expires_in };
}

/** Whether this is a success message; an error message is thrown, anything else is false. */
export function isSuccess(data: unknown): data is Fields {
  if (!isObject(data)) return false;
  const { status } = own(data);
  if (status === "error") throw errorFrom(data);
  return status === "success";
}

/** The rejection for an error message, or for the JSON body of an error response. */
export function errorFrom(data: unknown): unknown {
  const { error, error_description, error_uri, reason: given } = own<Fields>(isObject(data) ? data : {});
  const reason = reasonOf(given);
  return failure(
    typeof error === "string" && error ? error : "server_error",
    typeof error_description === "string" ? error_description : "The server gave no description.",
    { ...(typeof error_uri === "string" && { error_uri }), ...(reason && { reason }) },
  );
}

/** The nonce in a JWT's payload. The token came from the server's own page, so its signature adds nothing here. */
export function nonceOf(idToken: unknown): unknown {
  try {
    const payload = String(idToken).split(".")[1] ?? "";
    const claims: unknown = JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/")));
    return isObject(claims) ? own(claims)["nonce"] : undefined;
  } catch {
    return undefined;
  }
}

/** 128 random bits. getRandomValues is there on plain http too, where crypto.subtle is not. */
export function makeNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
