/** Base64 for addresses, without padding (RFC 4648 section 5). */
export function base64url(bytes: ArrayBuffer | Uint8Array): string {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
}

/** crypto.subtle; undefined on a page that is on plain http elsewhere than on localhost. */
export function subtle(): SubtleCrypto | undefined {
  return (crypto as Partial<Crypto>).subtle;
}

export async function sha256(text: string): Promise<ArrayBuffer | undefined> {
  return subtle()?.digest("SHA-256", utf8(text));
}
