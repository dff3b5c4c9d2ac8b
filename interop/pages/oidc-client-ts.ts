import { UserManager } from "oidc-client-ts";
import { start } from "./ready.ts";

void start(async ({ issuer, client, page, silent }) => {
  const manager = new UserManager({
    authority: issuer, client_id: client, redirect_uri: page, silent_redirect_uri: `${page}/silent`, post_logout_redirect_uri: page,
    scope: "openid email", loadUserInfo: true, automaticSilentRenew: false,
    monitorSession: true, checkSessionIntervalInSeconds: 1,
  });
  manager.events.addUserSignedOut(() => manager.removeUser());
  if (silent) {
    await manager.signinSilentCallback();
    return undefined;
  }
  const query = new URLSearchParams(location.search);
  if (query.has("code") || query.has("error")) {
    await manager.signinRedirectCallback();
    history.replaceState(null, "", page);
  } else if (query.has("state")) {
    await manager.signoutRedirectCallback();
    history.replaceState(null, "", page);
  }
  return {
    signIn: () => manager.signinRedirect(),
    renew: () => manager.signinSilent(),
    signOut: () => manager.signoutRedirect(),
    user: async () => {
      const user = await manager.getUser();
      if (!user) return undefined;
      const { sub, email, sid } = user.profile;
      return { sub, email: email ?? "", token: user.access_token, session: String(sid) };
    },
  };
});
