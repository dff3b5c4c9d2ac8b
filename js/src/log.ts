const nobody = { debug: false };
let listener: { debug: boolean } = nobody;

/** From now on `api.debug` decides whether anything is printed. */
export function logFor(api: { debug: boolean }): void {
  listener = api;
}

/** Prints to the console where the app has asked for it. Never give it a token or a message. */
export function log(...what: unknown[]): void {
  if (listener.debug) console.log("usher:", ...what);
}

/** The same promise; a rejection is printed. */
export function logged<T>(promise: Promise<T>): Promise<T> {
  return promise.catch((error: { error?: unknown; error_description?: unknown; reason?: unknown }) => {
    log("failed:", error.error, error.error_description, ...(error.reason ? ["reason:", error.reason] : []));
    throw error;
  });
}
