import type { Assistant, Constants, RequestParameters, Settings, TokenResult } from "../assisted-token.d.ts";
import { prepareJQuery, prepareRequests, type Sender } from "./ajax.ts";
import { failure, needsUser } from "./errors.ts";
import { SharedWork } from "./lock.ts";
import { log } from "./log.ts";
import { endSession, revoke } from "./logout.ts";
import { ownOrigin, patternRule, type UrlRule } from "./origins.ts";
import { asked, demandsUser, queryOf, words, type Asked } from "./parameters.ts";
import { hiddenRequest, visibleRequest } from "./request.ts";
import { Thenable } from "./thenable.ts";
import { Tokens } from "./tokens.ts";

export function createAssistant(server: Constants, settings: Settings): Assistant {
  const { clientId, scope, for_origin: forOrigin = location.origin } = checked(settings);
  const tokens = new Tokens();
  const requests = new SharedWork<TokenResult>();
  const endings = new SharedWork<void>();
  /** Counts sign-outs: what was asked for before one does not count after it. */
  let era = 0;
  let leaving: Promise<unknown> = Promise.resolve();

  const understood = (parameters?: RequestParameters): Asked => asked(parameters, scope);
  const header = (): string => (tokens.token() ? `Bearer ${tokens.token()}` : "");

  const obtain = (hidden: boolean, ask: Asked): Promise<TokenResult> => {
    const query = queryOf(ask, hidden, clientId, forOrigin);
    const began = era;
    return requests.share(`${began} ${query.toString()}`, async () => {
      await leaving;
      const answer = await (hidden ? hiddenRequest(server, clientId, query) : visibleRequest(server, settings, query));
      if (began === era) return received(answer, ask);
      revoke(server, clientId, answer.access_token).catch(() => undefined);
      throw failure("access_denied", "The user was signed out while the request was under way.");
    });
  };

  const received = (answer: Parameters<Tokens["keep"]>[0], ask: Asked): TokenResult => {
    const result = tokens.keep(answer, ask);
    log("token received; scope", result.scope, "expires", new Date(result.expires * 1000).toISOString());
    attach(); // jQuery may have been loaded by now
    return result;
  };

  const hidden = async (ask: Asked): Promise<TokenResult> => {
    if (demandsUser(ask)) throw failure("interaction_required", "The request demands that the user acts; a hidden one cannot do that.");
    return obtain(true, ask);
  };

  const signIn = async (ask: Asked, held: TokenResult | undefined): Promise<TokenResult> => {
    if (held) return held;
    if (demandsUser(ask)) return obtain(false, ask);
    try {
      return await obtain(true, ask);
    } catch (error) {
      if (!needsUser(error) || words(ask.prompt).includes("none")) throw error;
      log("the user has to act");
      return obtain(false, ask);
    }
  };

  /** Forgets the token at once, then does what is to be done with it. */
  const leave = (kind: string, work: (token: string) => Promise<void>): Promise<void> =>
    endings.share(kind, () => {
      era++;
      const done = work(tokens.forget());
      leaving = done.catch(() => undefined);
      return done;
    });

  const revokeHeld = async (token: string): Promise<void> => {
    if (token) await revoke(server, clientId, token);
  };

  const logout = async (token: string): Promise<void> => {
    const failed = await revokeHeld(token).catch((error: unknown) => ({ error }));
    await endSession(server, clientId, forOrigin, token);
    if (failed) throw failed.error;
  };

  const attach = attachment(settings, header);
  attach();

  return {
    loginIfRequired: (parameters) => new Thenable(signIn(understood(parameters), tokens.goodFor(understood(parameters)))),
    fetchTokens: (parameters) => new Thenable(hidden(understood(parameters))),
    fetchTokensOrLogin: (force) => new Thenable(signIn(understood(), force === true ? undefined : tokens.goodFor(understood()))),
    login: (parameters) => new Thenable(obtain(false, understood(parameters))),
    logout: () => new Thenable(leave("logout", logout)),
    revokeTokens: () => new Thenable(leave("revoke", revokeHeld)),
    getAuthHeader: header,
    getAdditionalData: () => tokens.data(),
    isAuthenticated: () => tokens.token() !== "",
    isExpired: () => tokens.isExpired(),
    prepareJQuery: ($) => prepareJQuery($, { header, allows: placesOf(settings) ?? ownRule }),
  };
}

function checked(settings: Settings | undefined): Settings {
  if (typeof settings?.clientId === "string" && settings.clientId) return settings;
  throw new Error("usher: the setting 'clientId' is missing; write curity.token.assistant({clientId: '...'})");
}

const ownRule: UrlRule = (url) => ownOrigin(url, location.origin);

/** Where the settings let the token go without being asked; undefined where they name no place. */
function placesOf(settings: Settings): UrlRule | undefined {
  const named = settings.autoPrepareJqueryAjaxForOrigins && patternRule(settings.autoPrepareJqueryAjaxForOrigins, location.origin);
  if (settings.autoPrepareJqueryAjax !== true) return named;
  return (url) => ownRule(url) || named?.(url) === true;
}

/** Prepares the page's requests, and gives a function that attaches to jQuery wherever it is there by then. */
function attachment(settings: Settings, header: () => string): () => void {
  const allows = placesOf(settings);
  if (!allows) return () => undefined;
  const sender: Sender = { header, allows };
  prepareRequests(sender);
  const attach = (): void => {
    const $ = (window as { jQuery?: { ajaxPrefilter?: unknown } }).jQuery;
    if (typeof $?.ajaxPrefilter === "function") prepareJQuery($ as Parameters<Assistant["prepareJQuery"]>[0], sender);
  };
  document.addEventListener("DOMContentLoaded", attach, { once: true });
  return attach;
}
