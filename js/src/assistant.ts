import type { Assistant, Constants, JQueryLike, RequestParameters, Settings, TokenResult } from "../assisted-token.d.ts";
import { prepareJQuery, prepareRequests, type Sender } from "./ajax.ts";
import { Client } from "./client.ts";
import { patternRule, type UrlRule } from "./origins.ts";
import { asked, own, type Asked } from "./parameters.ts";
import { Thenable } from "./thenable.ts";

/** What `curity.token.assistant` gives: own enumerable functions, which need no `this`. */
export function createAssistant(server: Constants, given: Settings): Assistant {
  const settings = own(given);
  if (typeof settings.clientId !== "string" || !settings.clientId) {
    throw new Error("usher: the setting 'clientId' is missing; write curity.token.assistant({clientId: '...'})");
  }
  const client = new Client(server, settings);
  const { tokens } = client;
  const header = (): string => (tokens.token() ? `Bearer ${tokens.token()}` : "");
  const sender = { header, allows: placesOf(settings) };
  const attach = namesPlaces(settings) ? prepare(sender) : () => undefined;

  const ask = (parameters?: RequestParameters): Asked => asked(parameters, settings.scope);
  /** Whenever a token has come, jQuery may have been loaded too. */
  const give = (result: Promise<TokenResult>): Thenable<TokenResult> => new Thenable(result.finally(attach));
  const held = async (wanted: Asked): Promise<TokenResult> => tokens.goodFor(wanted) ?? client.fetchOrLogin(wanted);

  return {
    loginIfRequired: (parameters) => give(held(ask(parameters))),
    fetchTokens: (parameters) => give(client.fetch(ask(parameters))),
    fetchTokensOrLogin: (force) => give(force === true ? client.fetchOrLogin(ask()) : held(ask())),
    login: (parameters) => give(client.login(ask(parameters))),
    logout: () => new Thenable(client.logout()),
    revokeTokens: () => new Thenable(client.revokeTokens()),
    getAuthHeader: header,
    getAdditionalData: () => tokens.data(),
    isAuthenticated: () => tokens.token() !== "",
    isExpired: () => tokens.isExpired(),
    prepareJQuery: ($) => prepareJQuery($, sender),
  };
}

const ownRule: UrlRule = (url) => url.origin === location.origin;

/** Whether requests are prepared without being asked. */
function namesPlaces(settings: Settings): boolean {
  return settings.autoPrepareJqueryAjax === true || settings.autoPrepareJqueryAjaxForOrigins !== undefined;
}

/** Where the token may go: to the places named, or if a jQuery is prepared by hand without any, to the page's origin. */
function placesOf(settings: Settings): UrlRule {
  const patterns = settings.autoPrepareJqueryAjaxForOrigins;
  if (!patterns) return ownRule;
  const named = patternRule(patterns, location.origin);
  return settings.autoPrepareJqueryAjax === true ? (url) => ownRule(url) || named(url) : named;
}

/** Prepares the page's requests, and gives a function that attaches to jQuery if it is there by then. */
function prepare(sender: Sender): () => void {
  prepareRequests(sender);
  const attach = (): void => {
    const $ = (window as { jQuery?: { ajaxPrefilter?: unknown } }).jQuery;
    if (typeof $?.ajaxPrefilter === "function") prepareJQuery($ as JQueryLike, sender);
  };
  attach();
  document.addEventListener("DOMContentLoaded", attach, { once: true });
  return attach;
}
