/**
 * Where the server is, told from the address of the running script: what stands before `path` in it.
 * `document.currentScript` is that script, at page load and when added later alike; a module or an
 * eval has none, and then any script of the page from such a path will do.
 */
export function findHost(path: string): string {
  for (const script of [document.currentScript, ...document.querySelectorAll("script")]) {
    const host = script instanceof HTMLScriptElement && hostOf(script.src, path);
    if (host) return host;
  }
  throw new Error(`usher: the script has to be loaded from the server, at ${path}`);
}

export function hostOf(src: string, path: string): string | undefined {
  if (!/^https?:/.test(src)) return undefined;
  const url = new URL(src);
  const at = url.pathname.indexOf(path);
  return at < 0 ? undefined : url.origin + url.pathname.slice(0, at);
}
