/** As much of the server's discovery document as the app uses (OpenID Connect Discovery 1.0 §3). */
export interface Metadata {
  issuer: string;
  authorization_endpoint: string;
  assisted_token_endpoint: string;
  response_types_supported?: string[];
}

/** Reads the document of an issuer (§4.1), and refuses one that is another issuer's (§4.3). */
export async function discover(issuer: string): Promise<Metadata> {
  const response = await fetch(`${issuer}/.well-known/openid-configuration`);
  if (!response.ok) throw new Error(`discovery answered ${response.status}`);
  const metadata = (await response.json()) as Metadata;
  if (metadata.issuer !== issuer) throw new Error(`config.json names ${issuer}, the server calls itself ${metadata.issuer}`);
  return metadata;
}
