import type { Constants, Settings } from "../assisted-token.d.ts";
import { failure, silence } from "./errors.ts";
import { showDialog } from "./dialog.ts";
import { answerFrom, askHidden, makeFrame } from "./frame.ts";
import { readWithHandle } from "./handle.ts";
import { acrossTabs, inTurn } from "./lock.ts";
import { log } from "./log.ts";
import { isObject, makeNonce, type TokenMessage } from "./message.ts";
import { LostWindow, ownPage } from "./channel.ts";

/** How long a hidden frame may take to answer, in seconds. */
export const HIDDEN_TIMEOUT = 10;

/** The hidden request: one at a time for this client, in this page and across its tabs. */
export function hiddenRequest(server: Constants, clientId: string, query: URLSearchParams): Promise<TokenMessage> {
  const name = `usher ${server.hostUrl} ${clientId}`;
  const late = (): unknown => silence(server.hostUrl, clientId, HIDDEN_TIMEOUT);
  const ask = (): Promise<TokenMessage> => {
    const nonce = makeNonce();
    log("hidden request", query.get("scope") ?? "(default scope)");
    return askHidden(address(server, query, nonce), (data, reply) => readWithHandle(data, nonce, reply), HIDDEN_TIMEOUT, late);
  };
  return inTurn(name, () => acrossTabs(name, ask));
}

/** The visible sign-in: one at a time in this page, in a dialog or in an element of the app; until `instead`, if any, is there first. */
export function visibleRequest(server: Constants, settings: Settings, query: URLSearchParams, instead?: Promise<TokenMessage>): Promise<TokenMessage> {
  return inTurn("dialog", async () => {
    const nonce = makeNonce();
    log("visible sign-in", query.get("scope") ?? "(default scope)");
    const way = new URLSearchParams({ ...Object.fromEntries(query), return_to: ownPage() });
    const frame = makeFrame(address(server, way, nonce), "Sign in");
    const lost = new LostWindow(server.hostUrl);
    const { answer, stop } = answerFrom(frame, new URL(server.hostUrl).origin, (data, reply) => {
      if (isObject(data) && data["type"] === "window_lost") lost.listen(reply);
      return readWithHandle(data, nonce, reply);
    });
    const dialog = showDialog(frame, settings);
    const closed = dialog.dismissed.then(() => {
      throw failure("access_denied", "The sign-in was closed before it was complete.");
    });
    try {
      const tokens = await Promise.race([answer, closed, ...(instead ? [instead] : [])]);
      lost.found();
      return tokens;
    } finally {
      lost.close();
      stop();
      dialog.close();
    }
  });
}

function address(server: Constants, query: URLSearchParams, nonce: string): string {
  return `${server.token_endpoint}?${query.toString()}&nonce=${nonce}`;
}
