package interop_test

import (
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func testGoOIDC(t *testing.T, w *world) {
	for id, alg := range map[string]string{"web": "ES256", "rs256": "RS256"} {
		t.Run("sign-in with "+alg, func(t *testing.T) { w.signInWith(t, id, alg) })
	}
}

// signInWith is an app that discovers the server, verifies the ID token and asks who the user is.
func (w *world) signInWith(t *testing.T, id, alg string) {
	t.Helper()
	ctx := w.context(t)
	provider, err := oidc.NewProvider(ctx, w.issuer)
	must(t, err)
	config := oauth2.Config{ClientID: id, ClientSecret: w.secrets[id], Endpoint: provider.Endpoint(), RedirectURL: callback,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}
	verifier := oauth2.GenerateVerifier()
	code := w.authorize(t, config.AuthCodeURL("s", oidc.Nonce("n"), oauth2.S256ChallengeOption(verifier)), "s")
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	must(t, err)
	raw, _ := token.Extra("id_token").(string)
	must(t, w.between())
	idToken, err := provider.Verifier(&oidc.Config{ClientID: id, SupportedSigningAlgs: []string{alg}}).Verify(ctx, raw)
	must(t, err)
	if idToken.Nonce != "n" {
		t.Errorf("the nonce is %q", idToken.Nonce)
	}
	must(t, idToken.VerifyAccessToken(token.AccessToken))
	user, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	must(t, err)
	if user.Subject != idToken.Subject || user.Email != "ann@example.com" || !user.EmailVerified {
		t.Errorf("got %+v for %s", user, idToken.Subject)
	}
}
