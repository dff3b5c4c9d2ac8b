import type { Usher } from 'usher';

/** Adds the browser library to the page, from the server itself, and gives it once it is there. */
export function loadLibrary(assistedTokenEndpoint: string): Promise<Usher> {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = `${assistedTokenEndpoint}/resources/js/assisted-token.min.js`;
    script.onload = () => resolve(globalThis.curity);
    script.onerror = () => reject(new Error(`${script.src} did not load`));
    document.head.append(script);
  });
}
