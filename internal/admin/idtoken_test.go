package admin

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

func TestAnIDTokenThatWasNotAskedForBeginsNoSession(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		name   string
		change func(*oauth.IDToken)
		good   bool
	}{
		{"the one that was asked for", func(*oauth.IDToken) {}, true},
		{"of another sign-in", func(c *oauth.IDToken) { c.Nonce = "other" }, false},
		{"for another client", func(c *oauth.IDToken) { c.Audience = "tool" }, false},
		{"of another issuer", func(c *oauth.IDToken) { c.Issuer = "https://other.example" }, false},
		{"expired", func(c *oauth.IDToken) { c.Expires = w.now().Unix() }, false},
	} {
		var claims oauth.IDToken
		claims.Issuer, claims.Audience, claims.Nonce = w.manager.Issuer, oauth.AdminClientID, "nonce"
		claims.Expires = w.now().Add(time.Minute).Unix()
		tc.change(&claims)
		text, err := json.Marshal(claims)
		w.must(err)
		err = w.admin.checkIDToken("e30."+base64.RawURLEncoding.EncodeToString(text)+".", "nonce")
		if (err == nil) != tc.good {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestTheSessionCookieIsNotSentFromElsewhere(t *testing.T) {
	rec := httptest.NewRecorder()
	sessionCookie.Set(rec, "x")
	c := rec.Result().Cookies()[0]
	if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("%+v", c)
	}
}
