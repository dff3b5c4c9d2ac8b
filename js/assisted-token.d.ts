/**
 * Types of usher's browser library, `assisted-token.js`. The script defines the globals `curity` and
 * `usher`, which are one object; docs/library.md describes every part of it.
 */

/** What one request may ask for. An empty value counts as absent. */
export interface RequestParameters {
  /** Scopes, separated by spaces. Absent: the assistant's `scope`, else the client's default. */
  scope?: string;
  /** `true`: authenticate again, whatever the session says. */
  force_auth?: boolean | "true" | "false";
  /** `login`, `consent` or `none`, separated by spaces. */
  prompt?: string;
  /** The authentication may be at most this many seconds old. */
  max_age?: number | string;
  acr_values?: string;
  login_hint?: string;
  ui_locales?: string;
}

export interface IframeSettings {
  /** In pixels, such as `"320"`. */
  width?: string;
  /** In pixels, such as `"600"`. */
  height?: string;
  style?: string;
  /** The id of an element of the page that takes the frame, in place of the modal dialog. */
  targetElementId?: string;
}

export interface BackdropSettings {
  /** `"static"`: a click on the backdrop does not close the dialog. */
  visible?: boolean | "static";
  backdropClass?: string;
  style?: string;
}

export interface CloseButtonSettings {
  visible?: boolean;
  style?: string;
  wrapperStyle?: string;
  wrapperClass?: string;
  /** HTML of the button. Scripts, handlers and unknown elements in it are left out. */
  button?: string;
}

export interface Settings {
  clientId: string;
  /** The default scope of every request. */
  scope?: string;
  /** The origin to answer to; the page's own where absent. */
  for_origin?: string;
  /** `true`: every same-origin jQuery or XMLHttpRequest request gets the token. */
  autoPrepareJqueryAjax?: boolean;
  /** Regular expressions that name the places which get the token. */
  autoPrepareJqueryAjaxForOrigins?: readonly string[];
  iframeSettings?: IframeSettings;
  backdropSettings?: BackdropSettings;
  closeButtonSettings?: CloseButtonSettings;
  /** Where the sign-in shows: in a modal dialog of the page, or in a window of its own. */
  presentation?: "modal" | "popup";
  /**
   * `true`: where no cookie of the server reaches a frame, ask the browser for a user whom it knows there (FedCM), before the
   * visible sign-in. Browsers without it go on as always.
   */
  fedcm?: boolean;
  /** Is told when the user signed out elsewhere, or somebody else signed in. The tokens are forgotten, or replaced, by then. */
  onSessionChange?: (change: SessionChange) => void;
  /** How often to ask whether the session is still there, in seconds; 60 where `onSessionChange` is given, else 0: never. */
  sessionPollSeconds?: number;
}

/** Every field of the server's success message save the token itself. */
export interface AdditionalData {
  scope?: string;
  sub?: string;
  /** The same value as `sub`. */
  subject?: string;
  id_token?: string;
  token_type?: string;
  expires_in?: number;
  [field: string]: unknown;
}

export interface TokenResult extends AdditionalData {
  token: string;
  /** When the token's lifetime is over: seconds since 1970. */
  expires: number;
}

export type ErrorCode =
  | "invalid_request"
  | "unauthorized_client"
  | "access_denied"
  | "consent_required"
  | "interaction_required"
  | "unsupported_response_type"
  | "invalid_scope"
  | "server_error"
  | "temporarily_unavailable";

/**
 * What was in the way where the user has to act. `not_signed_in`: nobody is. `needs_click`: the browser keeps the server's own
 * cookies from this page; the user may be signed in all the same, and one click tells. `cookies_blocked`: it keeps no cookie of
 * the server here at all.
 */
export type Reason = "not_signed_in" | "needs_click" | "cookies_blocked";

/** What the library's promises reject with. */
export interface TokenError {
  error: ErrorCode | (string & {});
  error_description: string;
  /** Equal to `error`. */
  error_code: string;
  error_uri?: string;
  /** With `interaction_required` and `consent_required`, where the browser let it be found out. */
  reason?: Reason;
}

/** What became of the session behind the tokens, elsewhere than through this assistant. */
export interface SessionChange {
  /** Whether somebody is signed in. */
  signedIn: boolean;
  /** Who is, now. */
  sub?: string;
}

export type Callbacks<A> = ((argument: A) => unknown) | readonly ((argument: A) => unknown)[];

/**
 * A promise that can also be used as jQuery's are. `then`, `catch` and `finally` are those of a
 * standard promise. `done`, `fail` and `always` add callbacks and return the same promise, so a link
 * after `fail` is still rejected.
 */
export interface UsherPromise<T> extends Promise<T> {
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((error: TokenError) => B | PromiseLike<B>) | null,
  ): UsherPromise<A | B>;
  catch<B = never>(rejected?: ((error: TokenError) => B | PromiseLike<B>) | null): UsherPromise<T | B>;
  finally(settled?: (() => void) | null): UsherPromise<T>;
  done(...callbacks: Callbacks<T>[]): UsherPromise<T>;
  fail(...callbacks: Callbacks<TokenError>[]): UsherPromise<T>;
  always(...callbacks: Callbacks<T | TokenError>[]): UsherPromise<T>;
}

/** As much of jQuery as the library touches. */
export interface JQueryLike {
  ajaxPrefilter(handler: (options: { xhr?: () => XMLHttpRequest }) => void): void;
}

export interface Assistant {
  loginIfRequired(parameters?: RequestParameters): UsherPromise<TokenResult>;
  fetchTokens(parameters?: RequestParameters): UsherPromise<TokenResult>;
  /** The older name of `loginIfRequired`. `true` asks the server even if a token is held. */
  fetchTokensOrLogin(force?: boolean): UsherPromise<TokenResult>;
  login(parameters?: RequestParameters): UsherPromise<TokenResult>;
  logout(): UsherPromise<void>;
  revokeTokens(): UsherPromise<void>;
  /** `"Bearer <token>"`, or an empty string. */
  getAuthHeader(): string;
  getAdditionalData(): AdditionalData;
  isAuthenticated(): boolean;
  isExpired(): boolean;
  prepareJQuery($: JQueryLike): void;
}

export interface Constants {
  /** Where the server is: what stands before `/oauth/...` in the script's address. */
  readonly hostUrl: string;
  readonly token_endpoint: string;
  readonly authentication_endpoint: string;
  readonly revoke_endpoint: string;
  readonly logout_endpoint: string;
}

export interface Usher {
  /** `true`: print what the library does to the console. Tokens are never printed. */
  debug: boolean;
  readonly token: {
    assistant(settings: Settings): Assistant;
    readonly constants: Constants;
  };
}

declare global {
  var curity: Usher;
  var usher: Usher;
  /**
   * The preflight script's one function. Resolves with whether the server's cookies survive in a frame;
   * with `undefined` where that could not be found out.
   */
  var usherPreflight: () => Promise<boolean | undefined>;
}
