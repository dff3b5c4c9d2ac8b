import "@angular/compiler"; // the library is compiled here: Angular's own build would do it before
import { provideHttpClient, withFetch } from "@angular/common/http";
import { createApplication } from "@angular/platform-browser";
import { OAuthService, provideOAuthClient } from "angular-oauth2-oidc";
import type { AppPage } from "../harness/app.ts";
import type { Place } from "./ready.ts";

export async function makeApp({ issuer, client, page }: Place): Promise<AppPage> {
  const { injector } = await createApplication({ providers: [provideHttpClient(withFetch()), provideOAuthClient()] });
  const service = injector.get(OAuthService);
  service.configure({
    issuer, clientId: client, redirectUri: page, silentRefreshRedirectUri: `${page}/silent`, postLogoutRedirectUri: page,
    responseType: "code", scope: "openid email", useSilentRefresh: client === "spa", timeoutFactor: 0.9,
    sessionChecksEnabled: true, sessionCheckIntervall: 500,
    strictDiscoveryDocumentValidation: false, // it wants every endpoint below the issuer
  });
  await service.loadDiscoveryDocumentAndTryLogin();
  return {
    signIn: () => service.initCodeFlow(),
    renew: () => (client === "spa" ? service.silentRefresh() : service.refreshToken()).catch(refusal),
    signOut: () => service.logOut(),
    user: async () => {
      if (!service.hasValidAccessToken()) return undefined;
      await service.loadUserProfile();
      const { sub, email, sid } = service.getIdentityClaims() as Record<string, string>;
      return { sub: sub ?? "", email: email ?? "", token: service.getAccessToken(), session: sid ?? "" };
    },
  };
}

/** The library's events hold the parameters that came back. */
function refusal(event: { params?: { error?: string } }): never {
  throw event.params ?? event;
}
