/**
 * Keeps assisted-token.d.ts true: checked by tsc, never run. The sources are checked against the same
 * declarations; this file uses them as apps do.
 */
import type { Assistant, Settings, TokenError, TokenResult, UsherPromise } from "../assisted-token.d.ts";

const settings: Settings = {
  clientId: "app",
  fedcm: true,
  scope: "openid",
  for_origin: "https://app.example",
  autoPrepareJqueryAjax: true,
  autoPrepareJqueryAjaxForOrigins: ["^/.*$"],
  iframeSettings: { width: "320", height: "600", style: "border:0", targetElementId: "here" },
  backdropSettings: { visible: "static", backdropClass: "dim", style: "opacity:.4" },
  closeButtonSettings: { visible: true, style: "", wrapperStyle: "", wrapperClass: "", button: "<button>x</button>" },
};

const assistant: Assistant = window.curity.token.assistant(settings);
const same: typeof curity = usher;
same.debug = true;
const where: string = curity.token.constants.token_endpoint;

const chain: UsherPromise<number> = assistant
  .loginIfRequired({ scope: "", force_auth: true, prompt: "login", max_age: 0, acr_values: "a", login_hint: "b", ui_locales: "sv" })
  .done((result) => result.token.length + result.expires)
  .fail((error: TokenError) => error.error_description, [(error) => error.error_code])
  .always((either) => either)
  .then((result) => result.expires)
  .catch((error) => error.error.length)
  .finally(() => undefined);

export async function asAppsDo(): Promise<string> {
  const result: TokenResult = await assistant.fetchTokens();
  const subject: string | undefined = assistant.getAdditionalData().subject ?? result.sub;
  await Promise.all([assistant.fetchTokensOrLogin(true), assistant.login(), assistant.revokeTokens(), assistant.logout(), chain]);
  const cookies: boolean | undefined = await usherPreflight();
  return [subject, where, assistant.getAuthHeader(), assistant.isAuthenticated() && !assistant.isExpired(), cookies].join();
}

// @ts-expect-error: a client id is needed
curity.token.assistant({});
// @ts-expect-error: the constants cannot be changed
curity.token.constants.hostUrl = "https://evil.example";
// @ts-expect-error: a boolean is asked for, not a string
curity.token.assistant({ clientId: "app", autoPrepareJqueryAjax: "true" });
// @ts-expect-error: parameters are an object
void assistant.login("openid");
// @ts-expect-error: "static" is the only word
curity.token.assistant({ clientId: "app", backdropSettings: { visible: "yes" } });
