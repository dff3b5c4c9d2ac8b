import type { Assistant, RequestParameters, TokenError, TokenResult } from "usher";
import type { Remedy } from "./challenge";
import type { Config } from "./config";
import { discover, type Metadata } from "./discovery";
import { askOnFirstLoad } from "./first-load";
import { loadLibrary } from "./library";

export type Session =
  | { state: "starting" }
  | { state: "unreachable" }
  | { state: "signed-out" }
  | { state: "signed-in"; subject: string; expires: Date };

/** What the app's components see. A change makes a new one. */
export interface Snapshot {
  session: Session;
  /** What went wrong, for the user to read; empty where nothing did. */
  problem: string;
  /** What the app has done with the server and the API, a line each. */
  events: readonly string[];
}

/**
 * The user's session, as a store for useSyncExternalStore. It lives outside of the components: there is one of it, and
 * the tokens are in the library's memory, nowhere else.
 */
export class SessionStore {
  private readonly config: Config;
  private readonly listeners = new Set<() => void>();
  private current: Snapshot = { session: { state: "starting" }, problem: "", events: [] };
  private assistant: Assistant | undefined;
  private renewing: Promise<void> | undefined;

  constructor(config: Config) {
    this.config = config;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): Snapshot => this.current;

  /** Finds the server, loads its library, and learns whether the user is signed in already. */
  async start(): Promise<void> {
    try {
      const metadata = await discover(this.config.issuer);
      const usher = await loadLibrary(metadata.assisted_token_endpoint);
      this.assistant = usher.token.assistant({ clientId: this.config.clientId });
      await this.begin(metadata);
    } catch (error) {
      this.set({ session: { state: "unreachable" }, problem: (error as Error).message });
    }
  }

  private async begin(metadata: Metadata): Promise<void> {
    const first = askOnFirstLoad(metadata, this.config);
    if (first.state === "leaving") return;
    if (first.state === "session") this.note("first load: the server has a session");
    if (first.state !== "none") return this.renew();
    this.note(`first load: ${first.error}`);
    this.set({ session: { state: "signed-out" } });
  }

  /** Signs the user in, visibly where that is needed. */
  login(): Promise<void> {
    return this.take("login", (assistant) => assistant.loginIfRequired());
  }

  /** A new token by a hidden frame: one for all that ask at the same time. */
  renew(): Promise<void> {
    this.renewing ??= this.take("silent renewal", (assistant) => assistant.fetchTokens()).finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  async logout(): Promise<void> {
    try {
      await this.assistant?.logout();
      this.set({ problem: "" });
      this.note("logout: done");
    } catch (error) {
      this.set({ problem: (error as TokenError).error_description });
    }
    this.set({ session: { state: "signed-out" } });
  }

  /**
   * The Authorization header of a request: of the token at hand, or of a new one if that has expired. Empty where
   * nobody is signed in.
   */
  async bearer(): Promise<string> {
    if (this.assistant?.isExpired()) await this.renew();
    return this.header();
  }

  /** The header to repeat a request with that the API refused; empty where there is none that could do better. */
  async bearerInstead(refused: string, remedy: Remedy): Promise<string> {
    if (remedy.by === "sign-in") await this.stepUp(remedy.parameters);
    else if (this.header() === refused) await this.renew(); // else another request has renewed it meanwhile
    const header = this.header();
    return header === refused ? "" : header;
  }

  private header(): string {
    return !this.assistant || this.assistant.isExpired() ? "" : this.assistant.getAuthHeader();
  }

  /** A token of the scope at hand and what the API wants beside it. The user signs in only if that is needed for it. */
  private stepUp(wanted: RequestParameters): Promise<void> {
    return this.take("step up", (assistant) => {
      const held = assistant.getAdditionalData().scope ?? "";
      return assistant.loginIfRequired({ ...wanted, scope: `${held} ${wanted.scope ?? ""}`.trim() });
    });
  }

  note(event: string): void {
    this.set({ events: [...this.current.events, event] });
  }

  private async take(what: string, ask: (assistant: Assistant) => PromiseLike<TokenResult>): Promise<void> {
    const { assistant } = this;
    if (!assistant) return;
    try {
      const { sub = "", expires } = await ask(assistant);
      this.set({ session: { state: "signed-in", subject: sub, expires: new Date(expires * 1000) }, problem: "" });
      this.note(`${what}: a token`);
    } catch (error) {
      const { error: code, error_description } = error as TokenError;
      this.note(`${what}: ${code}`);
      const over = code === "interaction_required" || code === "consent_required";
      // The token at hand has outlived the session; the library is to forget it too.
      if (over) await assistant.revokeTokens().catch(() => undefined);
      // That the user has to sign in, or closed the dialog, is no fault.
      this.set({ problem: over || code === "access_denied" ? "" : error_description });
      if (!assistant.isAuthenticated()) this.set({ session: { state: "signed-out" } });
    }
  }

  private set(change: Partial<Snapshot>): void {
    this.current = { ...this.current, ...change };
    for (const listener of this.listeners) listener();
  }
}
