import { HttpClient } from '@angular/common/http';
import { inject, Service, signal } from '@angular/core';
import { firstValueFrom } from 'rxjs';
import type { Assistant, RequestParameters, TokenError, TokenResult } from 'usher';
import type { Remedy } from './challenge';
import { CONFIG } from './config';
import { checkIssuer, discoveryUrl, type Metadata } from './discovery';
import { askOnFirstLoad } from './first-load';
import { loadLibrary } from './library';

export type Session =
  | { state: 'starting' }
  | { state: 'unreachable' }
  | { state: 'signed-out' }
  | { state: 'signed-in'; subject: string; expires: Date };

/** The user's session, and the tokens: in the library's memory, nowhere else. */
@Service()
export class AssistantService {
  private readonly config = inject(CONFIG);
  private readonly http = inject(HttpClient);
  private readonly now = signal<Session>({ state: 'starting' });
  private readonly failure = signal('');
  private readonly noted = signal<readonly string[]>([]);
  private assistant: Assistant | undefined;
  private renewing: Promise<void> | undefined;

  readonly session = this.now.asReadonly();
  /** What went wrong, for the user to read; empty where nothing did. */
  readonly problem = this.failure.asReadonly();
  /** What the app has done with the server and the API, a line each. */
  readonly events = this.noted.asReadonly();

  /** Finds the server, loads its library, and learns whether the user is signed in already. */
  async start(): Promise<void> {
    try {
      const metadata = await firstValueFrom(this.http.get<Metadata>(discoveryUrl(this.config.issuer)));
      checkIssuer(metadata, this.config.issuer);
      const usher = await loadLibrary(metadata.assisted_token_endpoint);
      this.assistant = usher.token.assistant({ clientId: this.config.clientId });
      await this.begin(metadata);
    } catch (error) {
      this.now.set({ state: 'unreachable' });
      this.failure.set((error as Error).message);
    }
  }

  private async begin(metadata: Metadata): Promise<void> {
    const first = askOnFirstLoad(metadata, this.config);
    if (first.state === 'leaving') return;
    if (first.state === 'session') this.note('first load: the server has a session');
    if (first.state !== 'none') return this.renew();
    this.note(`first load: ${first.error}`);
    this.now.set({ state: 'signed-out' });
  }

  /** Signs the user in, visibly where that is needed. */
  login(): Promise<void> {
    return this.take('login', (assistant) => assistant.loginIfRequired());
  }

  /** A new token by a hidden frame: one for all that ask at the same time. */
  renew(): Promise<void> {
    this.renewing ??= this.take('silent renewal', (assistant) => assistant.fetchTokens()).finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  async logout(): Promise<void> {
    try {
      await this.assistant?.logout();
      this.failure.set('');
      this.note('logout: done');
    } catch (error) {
      this.failure.set((error as TokenError).error_description);
    }
    this.now.set({ state: 'signed-out' });
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
    if (remedy.by === 'sign-in') await this.stepUp(remedy.parameters);
    else if (this.header() === refused) await this.renew(); // else another request has renewed it meanwhile
    const header = this.header();
    return header === refused ? '' : header;
  }

  private header(): string {
    return !this.assistant || this.assistant.isExpired() ? '' : this.assistant.getAuthHeader();
  }

  /** A token of the scope at hand and what the API wants beside it. The user signs in only if that is needed for it. */
  private stepUp(wanted: RequestParameters): Promise<void> {
    return this.take('step up', (assistant) => {
      const held = assistant.getAdditionalData().scope ?? '';
      return assistant.loginIfRequired({ ...wanted, scope: `${held} ${wanted.scope ?? ''}`.trim() });
    });
  }

  note(event: string): void {
    this.noted.update((events) => [...events, event]);
  }

  private async take(what: string, ask: (assistant: Assistant) => PromiseLike<TokenResult>): Promise<void> {
    const { assistant } = this;
    if (!assistant) return;
    try {
      const { sub = '', expires } = await ask(assistant);
      this.now.set({ state: 'signed-in', subject: sub, expires: new Date(expires * 1000) });
      this.failure.set('');
      this.note(`${what}: a token`);
    } catch (error) {
      const { error: code, error_description } = error as TokenError;
      this.note(`${what}: ${code}`);
      const over = code === 'interaction_required' || code === 'consent_required';
      // The token at hand has outlived the session; the library is to forget it too.
      if (over) await assistant.revokeTokens().catch(() => undefined);
      // That the user has to sign in, or closed the dialog, is no fault.
      this.failure.set(over || code === 'access_denied' ? '' : error_description);
      if (!assistant.isAuthenticated()) this.now.set({ state: 'signed-out' });
    }
  }
}
