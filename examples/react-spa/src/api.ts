import type { Config } from "./config";
import type { SessionStore } from "./session";

export type Fetch = (address: string, init?: RequestInit) => Promise<Response>;

/**
 * A fetch that gives the API's origin the token, and no other. A token that has expired is renewed before it is sent;
 * one that the API refuses (RFC 6750 §3.1) is renewed once, and the request repeated.
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
    if (response.status !== 401 || !header) return response;
    const renewed = await session.bearer(header);
    return renewed ? send(renewed) : response;
  };
}
