import type { RequestParameters } from "usher";

/** What helps when an API refuses a token: a new one alike, or one of a sign-in as the API wants it. */
export type Remedy = { by: "renewal" } | { by: "sign-in"; parameters: RequestParameters };

/** Reads the remedy from the API"s answer; undefined where no other token would help (RFC 6750 §3, RFC 9470 §3). */
export function remedyFor(status: number, wwwAuthenticate: string | null): Remedy | undefined {
  const told = new Map(Array.from((wwwAuthenticate ?? "").matchAll(/(\w+)="([^"]*)"/g), ([, name, value]) => [name, value]));
  const error = told.get("error");
  if (error === "insufficient_scope" || error === "insufficient_user_authentication") {
    const wanted = (name: string): string => told.get(name) ?? "";
    return { by: "sign-in", parameters: { scope: wanted("scope"), max_age: wanted("max_age"), acr_values: wanted("acr_values") } };
  }
  return status === 401 ? { by: "renewal" } : undefined;
}
