/**
 * Posts a form to the server and gives its answer; rejects where none comes within so many seconds. A redirect is
 * refused: it could take what is in the form somewhere else.
 */
export async function post(url: string, form: URLSearchParams, seconds: number, headers: Record<string, string> = {}): Promise<Response> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), seconds * 1000);
  try {
    return await fetch(url, {
      method: "POST",
      body: form,
      headers,
      credentials: "omit",
      redirect: "error",
      keepalive: true, // the app may leave the page right after
      signal: stop.signal,
    });
  } finally {
    clearTimeout(timer);
  }
}
