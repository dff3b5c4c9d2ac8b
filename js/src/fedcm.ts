import type { Constants } from "../assisted-token.d.ts";
import { log } from "./log.ts";
import type { TokenMessage } from "./message.ts";
import { makeVerifier, redeem } from "./ticket.ts";

/** How long a silent request may take, in milliseconds: the browser shows for about three seconds what it does. */
const SILENT = 6_000;
/**
 * How long the browser's prompt has the user for itself. A page cannot tell a prompt that is ignored from one that the browser
 * does not show, and a refusal comes late, so that pages learn nothing from it: after this the visible sign-in shows as well.
 */
const HEAD_START = 3_000;

/** Whether this browser can ask the server for a user by itself (FedCM). */
export function browserCanAsk(): boolean {
  return "IdentityCredential" in window;
}

/**
 * Asks the browser for a user whom it knows at the server. It has the server's first-party cookies where no frame has them, and
 * gives what the server answers: a ticket that is bound to this page, and redeemed in a hidden frame like any other. Undefined
 * where that brought nothing, for whatever reason: the browser tells a page no more.
 */
async function askBrowser(server: Constants, query: URLSearchParams, mediation: "silent" | "optional", signal: AbortSignal): Promise<TokenMessage | undefined> {
  const made = await makeVerifier();
  if (!made) return undefined;
  const { client_id: clientId = "", ...asked } = Object.fromEntries(query);
  const loginHint = query.get("login_hint");
  const provider = {
    configURL: `${server.hostUrl}/oauth/v2/oauth-fedcm/config`,
    clientId,
    // No nonce: the challenge binds the answer to this very request.
    params: { ...asked, ticket_challenge: made.challenge },
    ...(loginHint && { loginHint }),
  };
  log(mediation === "silent" ? "asking the browser for the user, silently (FedCM)" : "the browser asks the user (FedCM)");
  try {
    const found = await navigator.credentials.get({ identity: { providers: [provider], context: "signin" }, mediation, signal } as CredentialRequestOptions);
    const { token } = (found ?? {}) as { token?: unknown };
    if (typeof token !== "string") throw new Error("no ticket");
    const answer = await redeem(server, query, token, made.verifier);
    log("the browser brought the user");
    return answer;
  } catch (error) {
    const { name, error: code, message } = error as { name?: unknown; error?: unknown; message?: unknown };
    log("the browser brought nobody:", signal.aborted ? "not in time" : (code ?? name), message);
    return undefined;
  }
}

/** Asks without showing anything; what takes too long is called off. */
export async function askSilently(server: Constants, query: URLSearchParams): Promise<TokenMessage | undefined> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), SILENT);
  try {
    return await askBrowser(server, query, "silent", stop.signal);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The browser's prompt, then the visible sign-in beside it: whichever brings a token first ends the other. A prompt that hangs is
 * taken away with that.
 */
export async function promptFirst(
  server: Constants,
  query: URLSearchParams,
  signIn: (instead: Promise<TokenMessage>) => Promise<TokenMessage>,
): Promise<TokenMessage> {
  const stop = new AbortController();
  const prompt = askBrowser(server, query, "optional", stop.signal);
  try {
    const brought = await Promise.race([prompt, new Promise<undefined>((resolve) => setTimeout(resolve, HEAD_START))]);
    if (brought) return brought;
    log("going on with the visible sign-in");
    return await signIn(new Promise((resolve) => void prompt.then((late) => late && resolve(late))));
  } finally {
    stop.abort();
  }
}

/** After a sign-out the browser is to ask its user before it signs anybody in here again. */
export function askNextTime(): void {
  navigator.credentials.preventSilentAccess().catch(() => undefined);
}
