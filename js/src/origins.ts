/** Whether the token may be sent to a URL. */
export type UrlRule = (url: URL) => boolean;

/**
 * The URL that a request will really go to; undefined where it is none. Only http(s) has origins that
 * mean anything: elsewhere `null` equals `null`, and a blob has the origin of its maker.
 */
export function resolve(url: string, base: string | undefined): URL | undefined {
  // Without the base only what names its host counts: "https:path" is relative to a base of its scheme.
  if (base === undefined && !/^https?:\/\//i.test(url)) return undefined;
  try {
    const found = new URL(url, base);
    return /^https?:$/.test(found.protocol) ? found : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The rule that a list of patterns makes. A URL of the page's origin is matched by its path and query;
 * any other by its absolute form, and only where the pattern names that one origin letter by letter.
 */
export function patternRule(patterns: readonly string[], page: string): UrlRule {
  const rules = patterns.map((pattern) => ({ expression: compile(pattern), origin: originOf(pattern) }));
  return (url) => {
    const path = url.pathname + url.search;
    if (url.origin === page) return rules.some(({ expression }) => expression.test(path));
    return rules.some(({ expression, origin }) => origin === url.origin && expression.test(url.origin + path));
  };
}

function compile(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch {
    throw new Error(`usher: autoPrepareJqueryAjaxForOrigins has '${pattern}', which is no regular expression`);
  }
}

/** The same as literalOrigin; an author who meant another origin and did not name it is told so. */
function originOf(pattern: string): string | undefined {
  const origin = literalOrigin(pattern);
  if (!origin && /^\^?http/.test(pattern)) {
    console.warn(`usher: '${pattern}' sends the token nowhere: it has to begin with one scheme and host, such as ^https://api\\.example\\.com/`);
  }
  return origin;
}

/**
 * The one origin that a pattern begins with, or undefined if it could begin with more than one. A dot
 * counts as itself, escaped or not, since the URL's origin is compared with the result as a whole.
 */
export function literalOrigin(pattern: string): string | undefined {
  const begin = /^\^?(https?):(?:\/|\\\/){2}((?:[a-z0-9-]|\\?\.(?![*+?{])|\\-|\\\[[0-9a-f:]+\\\])+)(:[0-9]+)?(?=\/|\\\/|\$|$)/.exec(pattern);
  if (!begin) return undefined;
  const [, scheme, host, port = ""] = begin;
  try {
    return new URL(`${scheme}://${host?.replace(/\\/g, "")}${port}`).origin;
  } catch {
    return undefined;
  }
}
