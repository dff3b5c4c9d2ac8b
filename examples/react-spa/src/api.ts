import { remedyFor } from "./challenge";
import type { Config } from "./config";
import type { SessionStore } from "./session";

/** A request to the API, by what comes after its address. */
export type Api = (path: string, init?: RequestInit) => Promise<Response>;

/**
 * A fetch for the API and nothing else, so nothing else ever gets the token. A token that has expired is renewed before
 * it is sent. Where the API refuses a token, it is replaced as the answer says, and the request repeated once.
 */
export function apiFetch(config: Config, session: SessionStore): Api {
  return async (path, init = {}) => {
    const url = new URL(config.api + path);
    const send = async (header: string): Promise<Response> => {
      const headers = new Headers(init.headers);
      if (header) headers.set("Authorization", header);
      const line = `${init.method ?? "GET"} ${url.pathname}`;
      const response = await fetch(url, { ...init, headers }).catch((error: unknown) => {
        session.note(`${line}: no answer`);
        throw error;
      });
      session.note(`${line}: ${response.status}`);
      return response;
    };

    const header = await session.bearer();
    const response = await send(header);
    const remedy = header ? remedyFor(response.status, response.headers.get("WWW-Authenticate")) : undefined;
    const better = remedy && (await session.bearerInstead(header, remedy));
    return better ? send(better) : response;
  };
}
