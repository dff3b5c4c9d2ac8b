import type { Constants } from "../assisted-token.d.ts";
import { base64url, sha256 } from "./bytes.ts";
import { silence } from "./errors.ts";
import { askHidden, type Reader } from "./frame.ts";
import { readWithHandle } from "./handle.ts";
import { isObject, makeNonce, type TokenMessage } from "./message.ts";
import { HIDDEN_TIMEOUT } from "./request.ts";

/** What a ticket is bound to: the page keeps the verifier to itself, the server gets its hash (as in RFC 7636). */
export interface Verifier {
  verifier: string;
  challenge: string;
}

/** A fresh one; undefined where the page has no crypto.subtle. */
export async function makeVerifier(): Promise<Verifier | undefined> {
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
  const hash = await sha256(verifier);
  return hash && { verifier, challenge: base64url(hash) };
}

/** Redeems a ticket in a hidden frame, where it becomes a session if the browser keeps one there. It is in no address. */
export function redeem(server: Constants, query: URLSearchParams, ticket: string, verifier: string): Promise<TokenMessage> {
  const nonce = makeNonce();
  const read: Reader<TokenMessage> = (data, reply) => {
    if (isObject(data) && data["type"] === "ticket_ready") reply({ type: "ticket", ticket, verifier });
    return readWithHandle(data, nonce, reply);
  };
  const late = (): unknown => silence(server.hostUrl, query.get("client_id") ?? "", HIDDEN_TIMEOUT);
  return askHidden(`${server.token_endpoint}/ticket?${query.toString()}&nonce=${nonce}`, read, HIDDEN_TIMEOUT, late);
}
