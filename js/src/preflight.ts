import { askHidden } from "./frame.ts";
import { findHost } from "./host.ts";
import { isObject } from "./message.ts";

const PATH = "/authn/anonymous/preflight";
const MARKER = "usher.preflight";
const SECONDS = 5;

const script = document.currentScript;
const hostUrl = findHost("/authn/anonymous/resources/js/");

/** Finds out whether the server's cookies survive in a frame and, if not, visits the server once. */
async function preflight(): Promise<boolean | undefined> {
  const cookies = await check();
  if (cookies === false) visitOnce();
  return cookies;
}

async function check(): Promise<boolean | undefined> {
  const url = `${hostUrl}${PATH}/check?for_origin=${encodeURIComponent(location.origin)}`;
  const read = (data: unknown): boolean | undefined => {
    const cookies = isObject(data) && data["type"] === "preflight" ? data["cookies"] : undefined;
    return typeof cookies === "boolean" ? cookies : undefined;
  };
  try {
    return await askHidden(url, read, SECONDS, () => undefined);
  } catch {
    console.warn(
      `usher: the preflight got no answer from ${hostUrl} within ${SECONDS} seconds. Does an enabled client list ` +
        `${location.origin}, is the server's certificate trusted, does this page's CSP allow it as frame-src?`,
    );
    return undefined;
  }
}

/**
 * Takes the whole page through the server and back, at most once in this tab's life. The fragment, which may
 * hold a token, is not sent: the browser carries it over the redirect (RFC 9110 §10.2.2).
 */
function visitOnce(): void {
  if (window.top !== window || !mark()) return;
  const { href, hash } = location;
  const page = href.slice(0, href.length - hash.length);
  location.replace(`${hostUrl}${PATH}?return_to=${encodeURIComponent(page)}${hash}`);
}

/** Sets the marker; false where it is set already or cannot be kept, since then a visit could loop. */
function mark(): boolean {
  try {
    if (sessionStorage.getItem(MARKER) !== null) return false;
    sessionStorage.setItem(MARKER, "1");
    return sessionStorage.getItem(MARKER) === "1";
  } catch {
    return false;
  }
}

(window as { usherPreflight?: typeof preflight }).usherPreflight = preflight;
if (script?.dataset["autoload"] === "true") void preflight();
