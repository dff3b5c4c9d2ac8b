package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
)

const bye = "https://app.example/bye"

// signedByAStranger replaces the signature of a JWT by one of a stranger's key.
func signedByAStranger(t *testing.T, jwt string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// unsigned makes a JWT into one with the algorithm "none".
func unsigned(jwt string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(jwt, ".")[1] + "."
}

// TestRPInitiatedLogoutPlan has a case for each module of the OpenID Foundation's plan for RP-Initiated Logout, by its
// name. A user agent without script presses the button of the page that asks.
func TestRPInitiatedLogoutPlan(t *testing.T) {
	good := func(hint string) url.Values {
		return form("id_token_hint", hint, "post_logout_redirect_uri", bye, "state", "s")
	}
	without := func(names ...string) func(*testing.T, string) url.Values {
		return func(_ *testing.T, hint string) url.Values {
			q := good(hint)
			for _, name := range names {
				q.Del(name)
			}
			return q
		}
	}
	with := func(name string, value func(*testing.T, string) string) func(*testing.T, string) url.Values {
		return func(t *testing.T, hint string) url.Values {
			q := good(hint)
			q.Set(name, value(t, hint))
			return q
		}
	}
	const refused, stays = "refused", "stays"
	for module, row := range map[string]struct {
		request func(t *testing.T, hint string) url.Values
		ends    string // where the browser ends up: an address, refused before the user is asked, or stays
	}{
		"oidcc-rp-initiated-logout":                   {without(), bye + "?state=s"},
		"oidcc-rp-initiated-logout-no-state":          {without("state"), bye},
		"oidcc-rp-initiated-logout-bad-id-token-hint": {with("id_token_hint", signedByAStranger), refused},
		"oidcc-rp-initiated-logout-modified-id-token-hint": {
			with("id_token_hint", func(_ *testing.T, hint string) string { return unsigned(hint) }), refused},
		"oidcc-rp-initiated-logout-no-id-token-hint": {without("id_token_hint"), refused},
		"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri": {
			with("post_logout_redirect_uri", func(*testing.T, string) string { return "https://app.example/other" }), refused},
		"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri": {
			with("post_logout_redirect_uri", func(*testing.T, string) string { return bye + "?foo=bar" }), refused},
		"oidcc-rp-initiated-logout-no-params":                   {without("id_token_hint", "post_logout_redirect_uri", "state"), stays},
		"oidcc-rp-initiated-logout-no-post-logout-redirect-uri": {without("post_logout_redirect_uri"), stays},
		"oidcc-rp-initiated-logout-only-state":                  {without("id_token_hint", "post_logout_redirect_uri"), stays},
	} {
		for _, method := range []string{"GET", "POST"} { // RP-Initiated Logout §2: both
			t.Run(module+" by "+method, func(t *testing.T) {
				w := newWorld(t)
				b := w.browser()
				_, m := b.signIn("client_id", "app", "scope", "openid").message()
				asks := b.askLogout(method, row.request(t, m["id_token"].(string)))
				if row.ends == refused {
					asks.wantPlain(http.StatusBadRequest)
					w.wantActive(m["access_token"].(string), true)
					return
				}
				w.wantActive(m["access_token"].(string), true) // nothing has ended yet
				out := b.submit(logoutPath, asks.hidden())
				if got := out.header.Get("Location"); row.ends != stays && (out.status != http.StatusSeeOther || got != row.ends) {
					t.Errorf("status %d, Location %q", out.status, got)
				}
				if row.ends == stays {
					out.wantText("You are signed out")
				}
				w.wantActive(m["access_token"].(string), false)
				b.frame(assisted("client_id", "app", "prompt", "none")).wantError(oauth.InteractionRequired)
			})
		}
	}
}

// askLogout sends the browser to the logout endpoint from another site.
func (b *browser) askLogout(method string, q url.Values) page {
	headers := []string{"Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}
	if method == "GET" {
		return b.do(b.request(method, logoutPath+"?"+q.Encode(), nil, headers...))
	}
	return b.do(b.request(method, logoutPath, q, append(headers, "Origin", "https://app.example")...))
}

// hidden are the hidden fields of a page's form.
func (p page) hidden() url.Values {
	fields := url.Values{}
	for _, part := range strings.Split(p.body, `<input type="hidden" name="`)[1:] {
		name, rest, _ := strings.Cut(part, `" value="`)
		value, _, _ := strings.Cut(rest, `"`)
		fields.Add(unescape(name), unescape(value))
	}
	return fields
}

// RP-Initiated Logout §2: a hint is good after it expired.
func TestLogoutHintMayHaveExpired(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	_, m := b.signIn("client_id", "app", "scope", "openid").message()
	w.clock.pass(time.Hour)
	b.open(logoutAddress("id_token_hint", m["id_token"].(string))).wantText(`data-auto="yes"`)
}
