/** As much of the server's discovery document as the app uses (OpenID Connect Discovery 1.0 §3). */
export interface Metadata {
  issuer: string;
  authorization_endpoint: string;
  assisted_token_endpoint: string;
  response_types_supported?: string[];
}

/** Where the document of an issuer is (§4.1). */
export const discoveryUrl = (issuer: string): string => `${issuer}/.well-known/openid-configuration`;

/** Refuses a document that is another issuer's (§4.3). */
export function checkIssuer(metadata: Metadata, issuer: string): void {
  if (metadata.issuer !== issuer) throw new Error(`config.json names ${issuer}, the server calls itself ${metadata.issuer}`);
}
