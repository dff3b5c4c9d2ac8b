import type { Constants, Usher } from "../assisted-token.d.ts";
import { createAssistant } from "./assistant.ts";
import { findHost } from "./host.ts";
import { logFor } from "./log.ts";
import { passOn } from "./channel.ts";
import { arrive } from "./visit.ts";

const ENDPOINT = "/oauth/v2/oauth-assisted-token";

function constantsOf(hostUrl: string): Constants {
  return {
    hostUrl,
    token_endpoint: hostUrl + ENDPOINT,
    authentication_endpoint: hostUrl + "/authn/authentication",
    revoke_endpoint: hostUrl + "/oauth/v2/oauth-revoke",
    logout_endpoint: hostUrl + "/oauth/v2/oauth-session/logout",
  };
}

/**
 * Defines the globals in one step, complete: apps poll for `curity` and call it at once. A second
 * load from the same server changes nothing, so that assistants, `debug` and requests stay one.
 */
function define(): void {
  const constants = constantsOf(findHost(ENDPOINT + "/resources/js/"));
  const page = window as { curity?: Partial<Usher>; usher?: Partial<Usher> };
  if (page.curity?.token?.constants?.hostUrl === constants.hostUrl) return;
  const stray = arrive(constants.hostUrl);
  if (stray) passOn(constants.hostUrl, stray);
  const api: Usher = {
    debug: page.curity?.debug === true || page.usher?.debug === true,
    token: { assistant: (settings) => createAssistant(constants, settings), constants },
  };
  logFor(api);
  page.usher = api;
  page.curity = api;
}

define();
