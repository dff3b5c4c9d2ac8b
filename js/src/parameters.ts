import type { RequestParameters } from "../assisted-token.d.ts";

const PASSED_ON = ["scope", "force_auth", "prompt", "max_age", "acr_values", "login_hint", "ui_locales"] as const;

/** What one request asks for, cleaned: strings only, and nothing that is empty. */
export type Asked = { [name in (typeof PASSED_ON)[number]]?: string };

/** The own properties alone: a polluted Object.prototype is none of the app's wishes. */
export function own<T extends object>(given: T | null | undefined): T {
  return Object.assign(Object.create(null) as T, given);
}

export function asked(parameters: RequestParameters | undefined, defaultScope: string | undefined): Asked {
  const given = own(parameters);
  const clean: Asked = own({});
  for (const name of PASSED_ON) {
    const value = String(given[name] ?? "").trim();
    if (value) clean[name] = value;
  }
  if (clean.force_auth !== "true") delete clean.force_auth;
  if (!clean.scope && defaultScope) clean.scope = defaultScope;
  return clean;
}

export function words(list: string | undefined): string[] {
  return (list ?? "").split(/\s+/).filter(Boolean);
}

/** Whether the user has to act in any case, so that a hidden request cannot help. */
export function demandsUser(ask: Asked): boolean {
  return ask.force_auth !== undefined || words(ask.prompt).some((word) => word === "login" || word === "consent");
}

/** Whether a token that is held may do: nothing is asked about the authentication itself. */
export function allowsHeldToken(ask: Asked): boolean {
  return ask.force_auth === undefined && ask.prompt === undefined && ask.max_age === undefined;
}

/** The request as the server gets it, save the nonce: also what tells one request from another. */
export function queryOf(ask: Asked, hidden: boolean, clientId: string, forOrigin: string): URLSearchParams {
  const query = new URLSearchParams({ client_id: clientId, for_origin: forOrigin });
  const prompt = hidden ? "none" : words(ask.prompt).filter((word) => word !== "none").join(" ");
  for (const [name, value] of Object.entries({ ...ask, prompt })) {
    if (value) query.set(name, value);
  }
  return query;
}
