import { remedyFor } from "./challenge";
import type { Config } from "./config";
import type { SessionStore } from "./session";

export type Fetch = (address: string, init?: RequestInit) => Promise<Response>;

/**
 * A fetch that gives the API's origin the token, and no other. A token that has expired is renewed before it is sent. Where
 * the API refuses a token, it is replaced as the answer says, and the request repeated once.
 */
export function bearerFetch(config: Config, session: SessionStore): Fetch {
  const api = new URL(config.api);
  return async (address, init = {}) => {
    const url = new URL(address, document.baseURI);
    if (url.origin !== api.origin) return fetch(url, init);

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
