import type { Constants } from "../assisted-token.d.ts";
import { failure, silence } from "./errors.ts";
import { askHidden } from "./frame.ts";
import { log } from "./log.ts";
import { errorFrom, isObject, isSuccess } from "./message.ts";
import { post } from "./post.ts";
import { HIDDEN_TIMEOUT } from "./request.ts";

/** Revokes a token (RFC 7009). */
export async function revoke(server: Constants, clientId: string, token: string): Promise<void> {
  log("revoking the token");
  const form = new URLSearchParams({ token, token_type_hint: "access_token", client_id: clientId });
  try {
    const response = await post(server.revoke_endpoint, form, HIDDEN_TIMEOUT);
    if (!response.ok) throw errorFrom(await response.json().catch(() => undefined));
  } catch (error) {
    throw isObject(error) && "error_code" in error ? error : unreachable(server);
  }
}

function unreachable(server: Constants): unknown {
  const { origin } = new URL(server.hostUrl);
  return failure(
    "temporarily_unavailable",
    `The token could not be revoked: ${server.revoke_endpoint} cannot be reached from ${location.origin}. ` +
      `Is that origin allowed for the client, is the server's certificate trusted, and does this page's ` +
      `Content-Security-Policy have connect-src ${origin}?`,
  );
}

/**
 * Ends the SSO session in a hidden frame. The token names the session where no cookie arrives; it is
 * posted to the server's page, at the server's origin only, once that page says that it listens.
 */
export async function endSession(server: Constants, clientId: string, forOrigin: string, token: string): Promise<void> {
  log("ending the session");
  const query = new URLSearchParams({ client_id: clientId, for_origin: forOrigin });
  const read = (data: unknown, reply: (message: unknown) => void): true | undefined => {
    if (isObject(data) && data["type"] === "logout_ready") reply({ type: "logout", access_token: token });
    return isSuccess(data) && data["type"] === "logout" ? true : undefined;
  };
  const late = (): unknown => silence(server.hostUrl, clientId, HIDDEN_TIMEOUT);
  await askHidden(`${server.logout_endpoint}?${query.toString()}`, read, HIDDEN_TIMEOUT, late);
}
