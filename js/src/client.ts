import type { Constants, SessionChange, Settings, TokenResult } from "../assisted-token.d.ts";
import { Channel, passedOn, type News } from "./channel.ts";
import { failure, needsUser } from "./errors.ts";
import { askNextTime, askSilently, browserCanAsk, promptFirst } from "./fedcm.ts";
import { SharedWork } from "./lock.ts";
import { log, logged } from "./log.ts";
import { endSession, revoke } from "./logout.ts";
import type { TokenMessage } from "./message.ts";
import { asked, demandsUser, queryOf, words, type Asked } from "./parameters.ts";
import { Popup } from "./popup.ts";
import { Renewal } from "./renewal.ts";
import { hiddenRequest, visibleRequest } from "./request.ts";
import { redeem } from "./ticket.ts";
import { Tokens } from "./tokens.ts";
import { Marker, mayVisit, rememberPlace, takeArrival, visit, visitFirst } from "./visit.ts";
import { Watch } from "./watch.ts";

/** One client of the server in this page: its token, and what is under way for it. */
export class Client {
  readonly tokens = new Tokens();
  private readonly requests = new SharedWork<TokenResult>();
  private readonly renewal: Renewal;
  private readonly popup: Popup | undefined;
  private readonly marker: Marker;
  private readonly channel: Channel;
  /** Learned in this visit: no cookie reaches a frame, so the handle is asked first. */
  private noCookies = false;
  /** A token was here, or the user was asked: the page is at work, and is not taken away any more. */
  private worked = false;
  private readonly endings = new SharedWork<void>();
  /** Counts sign-outs: what was asked for before one is not kept after it. */
  private era = 0;
  /** A token that came too late for a sign-out that had begun: it ends with that. */
  private late = "";
  /** Visible sign-ins under way: what they bring decides, whatever a check finds meanwhile. */
  private asking = 0;
  /** Whether the renewal handle failed for a reason that says nothing of the session. */
  private unsure = false;
  /** Settles when every sign-out begun so far is over. */
  private leaving: Promise<unknown> = Promise.resolve();
  /** Settles when the page is at rest: what it came back with from the server is taken, or it does not go there. */
  private readonly ready: Promise<void>;
  private readonly server: Constants;
  private readonly settings: Settings;
  private readonly forOrigin: string;

  constructor(server: Constants, settings: Settings) {
    this.server = server;
    this.renewal = new Renewal(server);
    this.popup = settings.presentation === "popup" ? new Popup(server, settings) : undefined;
    this.settings = settings;
    this.forOrigin = settings.for_origin || location.origin;
    this.marker = new Marker(server.hostUrl, settings.clientId);
    this.channel = new Channel(`usher ${server.hostUrl} ${settings.clientId}`, (news) => this.hear(news));
    this.ready = this.begin().catch((error: { error?: unknown }) => log("the way through the server brought nothing:", error.error));
    new Watch(settings, () => this.check());
  }

  /** A token by a hidden request alone. */
  async fetch(ask: Asked): Promise<TokenResult> {
    if (demandsUser(ask)) {
      throw failure("interaction_required", "The request demands that the user acts; a hidden one cannot do that.", { reason: "needs_click" });
    }
    return this.obtain(true, ask);
  }

  /** A token by the visible sign-in. */
  login(ask: Asked): Promise<TokenResult> {
    return this.obtain(false, ask);
  }

  /** A token without the user where that is possible, else with the user. */
  async fetchOrLogin(ask: Asked): Promise<TokenResult> {
    if (demandsUser(ask)) return this.login(ask);
    const { era } = this;
    try {
      return await this.fetch(ask);
    } catch (error) {
      if (!needsUser(error) || words(ask.prompt).includes("none")) throw error;
      if (era !== this.era) throw signedOut();
      const { reason } = error as { reason?: unknown };
      log("the user has to act:", reason ?? "the browser does not tell why");
      return this.obtain(false, ask, this.mayAskBrowser(reason));
    }
  }

  revokeTokens(): Promise<void> {
    return this.leave("revoke", (token) => this.revoke(token));
  }

  /** Both requests are made, whatever becomes of the first. */
  logout(): Promise<void> {
    this.forget();
    if (this.fedcm) askNextTime();
    return this.leave("logout", async (token) => {
      const failed = await this.revoke(token).catch((error: unknown) => ({ error }));
      await endSession(this.server, this.settings.clientId, this.forOrigin, token);
      this.channel.tell({ type: "signed_out" });
      if (failed) throw failed.error;
    });
  }

  /** What the page came back with, or its way to the server where only that can help. */
  private async begin(): Promise<void> {
    const { marker, server, era } = this;
    const query = queryOf(asked(undefined, this.settings.scope), true, this.settings.clientId, this.forOrigin);
    const arrival = takeArrival(this.settings.clientId);
    await passedOn;
    if (arrival && !arrival.ticket) {
      log("the server knows nobody, or needs the user to act");
      return marker.set("");
    }
    if (arrival) {
      const answer = await logged(redeem(server, await this.renewal.named(query), arrival.ticket, arrival.verifier));
      if (era === this.era) this.keep(answer, {});
      else this.late = answer.access_token;
    } else if (visitFirst(marker)) {
      await visit(server, query, marker);
    }
    if (marker.get() === "server") rememberPlace();
  }

  private obtain(hidden: boolean, ask: Asked, byBrowser = false): Promise<TokenResult> {
    const { settings, era } = this;
    const query = queryOf(ask, hidden, settings.clientId, this.forOrigin);
    return this.requests.share(`${era} ${query.toString()}`, async () => {
      await this.leaving;
      const none = this.tokens.token() === "";
      await this.ready;
      if (era !== this.era) throw signedOut();
      const brought = hidden && none ? this.tokens.goodFor(ask) : undefined;
      if (brought) return brought;
      const answer = await logged(hidden ? this.silent(query) : this.visible(query, byBrowser));
      if (era === this.era) return this.keep(answer, ask, !hidden);
      this.revoke(answer.access_token).catch(() => undefined);
      throw signedOut();
    });
  }

  /** The visible sign-in: in the browser's own prompt first, if so; in a dialog of the page, or a window where the app chose that. */
  private async visible(query: URLSearchParams, byBrowser: boolean): Promise<TokenMessage> {
    this.worked = true;
    this.asking++;
    try {
      return await this.shown(query, byBrowser);
    } finally {
      this.asking--;
    }
  }

  private async shown(query: URLSearchParams, byBrowser: boolean): Promise<TokenMessage> {
    const named = await this.renewal.named(query);
    const signIn = (instead?: Promise<TokenMessage>): Promise<TokenMessage> =>
      this.popup ? this.popup.ask(named, instead) : visibleRequest(this.server, this.settings, named, instead);
    return byBrowser ? promptFirst(this.server, named, signIn) : signIn();
  }

  /** Keeps what an answer brought, and tells the others of this origin, or the app, where the user is another one. */
  private keep(answer: TokenMessage, ask: Asked, tell = false): TokenResult {
    const { message, kept } = this.renewal.take(answer);
    this.worked = true;
    const before = this.tokens.data().sub;
    const result = this.tokens.keep(message, ask);
    if (kept === "server" || kept === "frame") this.marker.set(kept);
    if (kept === "server") rememberPlace();
    if (kept) this.noCookies = kept !== "frame";
    const sub = result.sub ?? "";
    if (tell) this.channel.tell({ type: "signed_in", sub });
    else if (before !== undefined && before !== sub) this.changed({ signedIn: true, sub });
    return result;
  }

  /** By a hidden frame and, where no cookie reaches it, by the renewal handle; in the other order once that is known. */
  private async silent(query: URLSearchParams): Promise<TokenMessage> {
    if (this.noCookies) {
      const renewed = await this.byHandle(query);
      if (renewed) return renewed;
    }
    try {
      const answer = await hiddenRequest(this.server, this.settings.clientId, await this.renewal.named(query));
      this.noCookies = false;
      return this.marker.get() ? { ...answer, session_kept: "frame" } : answer;
    } catch (error) {
      if (!needsUser(error)) throw error;
      const renewed = this.noCookies ? undefined : await this.byHandle(query);
      if (renewed) return renewed;
      const { reason } = error as { reason?: unknown };
      const brought = this.mayAskBrowser(reason) ? await askSilently(this.server, await this.renewal.named(query)) : undefined;
      if (brought) return brought;
      // Where the server's own cookies were to be seen, and nobody was signed in, a visit would find nobody either.
      if (reason !== "not_signed_in" && !this.worked && mayVisit(this.marker)) await visit(this.server, query, this.marker);
      throw error;
    }
  }

  private get fedcm(): boolean {
    return this.settings.fedcm === true && browserCanAsk();
  }

  /**
   * Whether the browser could know of a user whom the frame did not: its cookies were not to be seen there, and no token is at
   * hand. Where one is, the user is known here, and what is asked is more than that.
   */
  private mayAskBrowser(reason: unknown): boolean {
    return this.fedcm && reason !== "not_signed_in" && this.tokens.isExpired();
  }

  private async byHandle(query: URLSearchParams): Promise<TokenMessage | undefined> {
    if (!this.renewal.held) return undefined;
    log("renewing without a cookie: the session's does not reach a frame");
    try {
      return { ...(await this.renewal.ask(query)), session_kept: "tab" };
    } catch (error) {
      const { error: code } = error as { error?: unknown };
      this.unsure = !needsUser(error) && code !== "invalid_grant";
      log("that did not work:", code);
      return undefined;
    }
  }

  /** What another page of this origin says is only a reason to ask the server. */
  private hear(news: News): void {
    const { sub } = this.tokens.data();
    if (news.type === "signed_out" || (news.type === "signed_in" && news.sub !== sub)) void this.check();
  }

  /**
   * Asks whether the session behind the token is still there, and whose it is; a page without a token has nothing to ask. The
   * default scope is asked for, since one that demands a fresh sign-in says nothing of the session.
   */
  private async check(): Promise<void> {
    const held = this.tokens.token();
    if (!held || this.asking > 0) return;
    const outdated = (): boolean => this.asking > 0 || held !== this.tokens.token();
    this.unsure = false;
    try {
      const answer = await this.silent(queryOf(asked(undefined, this.settings.scope), true, this.settings.clientId, this.forOrigin));
      if (!outdated() && answer["sub"] !== this.tokens.data().sub) this.keep(answer, {});
    } catch (error) {
      if (!needsUser(error) || outdated() || this.unsure) return;
      log("the session has ended elsewhere");
      this.era++;
      this.tokens.forget();
      this.forget();
      this.changed({ signedIn: false });
    }
  }

  private changed(change: SessionChange): void {
    try {
      this.settings.onSessionChange?.(change);
    } catch (error) {
      console.error("usher: onSessionChange threw", error);
    }
  }

  private forget(): void {
    this.renewal.forget();
    this.marker.set("");
    this.noCookies = false;
  }

  /** Forgets the token at once, then does what is to be done with it. */
  private leave(kind: string, work: (token: string) => Promise<void>): Promise<void> {
    return this.endings.share(kind, () => {
      this.era++;
      const token = this.tokens.forget();
      const done = logged(this.ready.then(() => work(token || this.late)).finally(() => (this.late = "")));
      this.leaving = Promise.allSettled([this.leaving, done]);
      return done;
    });
  }

  private async revoke(token: string): Promise<void> {
    if (token) await revoke(this.server, this.settings.clientId, token);
  }
}

function signedOut(): unknown {
  return failure("access_denied", "The user was signed out while the request was under way.");
}
