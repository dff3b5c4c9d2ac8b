import type { Constants, Settings, TokenResult } from "../assisted-token.d.ts";
import { failure, needsUser } from "./errors.ts";
import { SharedWork } from "./lock.ts";
import { log, logged } from "./log.ts";
import { endSession, revoke } from "./logout.ts";
import { demandsUser, queryOf, words, type Asked } from "./parameters.ts";
import { hiddenRequest, visibleRequest } from "./request.ts";
import type { TokenMessage } from "./message.ts";
import { Renewal } from "./renewal.ts";
import { Tokens } from "./tokens.ts";

/** One client of the server in this page: its token, and what is under way for it. */
export class Client {
  readonly tokens = new Tokens();
  private readonly requests = new SharedWork<TokenResult>();
  private readonly renewal: Renewal;
  /** Learned in this visit: no cookie reaches a frame, so the handle is asked first. */
  private noCookies = false;
  private readonly endings = new SharedWork<void>();
  /** Counts sign-outs: what was asked for before one is not kept after it. */
  private era = 0;
  /** Settles when every sign-out begun so far is over. */
  private leaving: Promise<unknown> = Promise.resolve();
  private readonly server: Constants;
  private readonly settings: Settings;
  private readonly forOrigin: string;

  constructor(server: Constants, settings: Settings) {
    this.server = server;
    this.renewal = new Renewal(server);
    this.settings = settings;
    this.forOrigin = settings.for_origin || location.origin;
  }

  /** A token by a hidden request alone. */
  async fetch(ask: Asked): Promise<TokenResult> {
    if (demandsUser(ask)) throw failure("interaction_required", "The request demands that the user acts; a hidden one cannot do that.");
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
      log("the user has to act");
      return this.login(ask);
    }
  }

  revokeTokens(): Promise<void> {
    return this.leave("revoke", (token) => this.revoke(token));
  }

  /** Both requests are made, whatever becomes of the first. */
  logout(): Promise<void> {
    this.renewal.forget();
    return this.leave("logout", async (token) => {
      const failed = await this.revoke(token).catch((error: unknown) => ({ error }));
      await endSession(this.server, this.settings.clientId, this.forOrigin, token);
      if (failed) throw failed.error;
    });
  }

  private obtain(hidden: boolean, ask: Asked): Promise<TokenResult> {
    const { server, settings, era } = this;
    const query = queryOf(ask, hidden, settings.clientId, this.forOrigin);
    return this.requests.share(`${era} ${query.toString()}`, async () => {
      await this.leaving;
      const answer = await logged(hidden ? this.silent(query) : visibleRequest(server, settings, await this.renewal.named(query)));
      if (era === this.era) return this.tokens.keep(this.renewal.take(answer), ask);
      this.revoke(answer.access_token).catch(() => undefined);
      throw signedOut();
    });
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
      return answer;
    } catch (error) {
      const renewed = needsUser(error) && !this.noCookies ? await this.byHandle(query) : undefined;
      if (!renewed) throw error;
      this.noCookies = true;
      return renewed;
    }
  }

  private async byHandle(query: URLSearchParams): Promise<TokenMessage | undefined> {
    if (!this.renewal.held) return undefined;
    log("renewing without a cookie: the session's does not reach a frame");
    return this.renewal.ask(query).catch((error: { error?: unknown }) => {
      log("that did not work:", error.error);
      return undefined;
    });
  }

  /** Forgets the token at once, then does what is to be done with it. */
  private leave(kind: string, work: (token: string) => Promise<void>): Promise<void> {
    return this.endings.share(kind, () => {
      this.era++;
      const done = logged(work(this.tokens.forget()));
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
