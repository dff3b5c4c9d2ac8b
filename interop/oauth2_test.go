package interop_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// endpoint is what an app of golang.org/x/oauth2 is configured with; it knows no discovery.
func (w *world) endpoint() oauth2.Endpoint {
	return oauth2.Endpoint{
		AuthURL: w.base + "/oauth/v2/oauth-authorize", TokenURL: w.base + "/oauth/v2/oauth-token",
		DeviceAuthURL: w.base + "/oauth/v2/oauth-device-authorization",
	}
}

// context carries the HTTP client that the libraries of this family look for.
func (w *world) context(t *testing.T) context.Context {
	return context.WithValue(t.Context(), oauth2.HTTPClient, w.http)
}

// authorize lets the user sign in and returns the code that the app is sent.
func (w *world) authorize(t *testing.T, address, state string) string {
	t.Helper()
	end, err := w.newVisitor().visit(t.Context(), address)
	must(t, err)
	back, err := url.Parse(end.Location)
	must(t, err)
	q := back.Query()
	if q.Get("state") != state || q.Get("iss") != w.issuer || q.Get("code") == "" {
		t.Fatalf("sent to %q on the page %q", end.Location, end.Title)
	}
	must(t, w.between())
	return q.Get("code")
}

func testOAuth2(t *testing.T, w *world) {
	web := oauth2.Config{ClientID: "web", ClientSecret: w.secrets["web"], Endpoint: w.endpoint(), RedirectURL: callback, Scopes: []string{"openid", "read"}}
	for _, style := range []struct {
		name  string
		style oauth2.AuthStyle
	}{{"header", oauth2.AuthStyleInHeader}, {"form", oauth2.AuthStyleInParams}, {"found out", oauth2.AuthStyleAutoDetect}} {
		t.Run("code with the secret in the "+style.name, func(t *testing.T) {
			config := web
			config.Endpoint.AuthStyle = style.style
			w.codeAndRefresh(t, config)
		})
	}
	t.Run("code of a native app at a loopback port", func(t *testing.T) {
		config := oauth2.Config{ClientID: "native", Endpoint: w.endpoint(), RedirectURL: "http://127.0.0.1:49152/cb", Scopes: []string{"read"}}
		w.codeAndRefresh(t, config)
	})
	t.Run("a wrong verifier", func(t *testing.T) {
		code := w.authorize(t, web.AuthCodeURL("s", oauth2.S256ChallengeOption(oauth2.GenerateVerifier())), "s")
		_, err := web.Exchange(w.context(t), code, oauth2.VerifierOption(oauth2.GenerateVerifier()))
		wantRefusal(t, err, "invalid_grant")
	})
	t.Run("client credentials", func(t *testing.T) {
		config := clientcredentials.Config{ClientID: "batch", ClientSecret: w.secrets["batch"], TokenURL: w.endpoint().TokenURL, Scopes: []string{"read"}}
		token, err := config.Token(w.context(t))
		must(t, err)
		if strings.Count(token.AccessToken, ".") != 2 || token.Extra("scope") != "read" || token.RefreshToken != "" {
			t.Errorf("got %+v", token)
		}
	})
	t.Run("client credentials with a certificate", func(t *testing.T) {
		certified := w.newHTTP()
		certified.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{w.certificate.tls(t)}
		config := clientcredentials.Config{ClientID: "certified", TokenURL: w.mtls + "/oauth/v2/oauth-token", AuthStyle: oauth2.AuthStyleInParams}
		_, err := config.Token(context.WithValue(t.Context(), oauth2.HTTPClient, certified))
		must(t, err)
		_, err = config.Token(w.context(t))
		wantRefusal(t, err, "invalid_client")
	})
	t.Run("device", func(t *testing.T) { testDevice(t, w) })
}

// codeAndRefresh is what an app does: code and PKCE, tokens, and other tokens once these have expired.
func (w *world) codeAndRefresh(t *testing.T, config oauth2.Config) {
	t.Helper()
	ctx, verifier := w.context(t), oauth2.GenerateVerifier()
	code := w.authorize(t, config.AuthCodeURL("a state", oauth2.S256ChallengeOption(verifier)), "a state")
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	must(t, err)
	if !token.Valid() || token.TokenType != "Bearer" || token.RefreshToken == "" {
		t.Fatalf("got %+v", token)
	}
	must(t, w.between())
	expired := *token
	expired.Expiry = time.Now().Add(-time.Minute)
	renewed, err := config.TokenSource(ctx, &expired).Token()
	must(t, err)
	if renewed.AccessToken == token.AccessToken || !renewed.Valid() {
		t.Errorf("got %+v after %+v", renewed, token)
	}
}

func wantRefusal(t *testing.T, err error, code string) {
	t.Helper()
	refused, ok := err.(*oauth2.RetrieveError)
	if !ok || refused.ErrorCode != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func testDevice(t *testing.T, w *world) {
	ctx, config := w.context(t), oauth2.Config{ClientID: "tv", Endpoint: w.endpoint(), Scopes: []string{"openid", "read"}}
	device, err := config.DeviceAuth(ctx)
	must(t, err)
	must(t, w.between())
	end, err := w.newVisitor().visit(ctx, device.VerificationURIComplete)
	must(t, err)
	if end.Title != "Your device is connected" {
		t.Fatalf("the user saw %q", end.Title)
	}
	must(t, w.between())
	device.Interval = 1 // the library waits as long before it asks for the first time
	token, err := config.DeviceAccessToken(ctx, device)
	must(t, err)
	if !token.Valid() || token.Extra("id_token") == nil {
		t.Errorf("got %+v", token)
	}
}
