package admin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// askAPI asks for something that viewers may see.
func (w *world) askAPI(accessToken string) int {
	w.t.Helper()
	return w.answer(w.request("GET", "/admin/api/v1/clients", nil, "Authorization", "Bearer "+accessToken)).StatusCode
}

// jwt is an access token of ada's as a JWT.
func (w *world) jwt(typ, issuer string) string {
	w.t.Helper()
	d, now := w.delegation("ada", "tool"), w.now()
	t := oauth.AccessToken{
		ID: newID(), DelegationID: d.ID, ClientID: "tool", Subject: d.AccountID.String(), Scope: []string{oauth.ScopeRead},
		Audience: []string{w.manager.Issuer}, Issued: now.Truncate(time.Second), Expires: now.Add(time.Hour),
	}
	claims, err := json.Marshal(t.JWT(issuer, &oauth.Client{ID: "tool"}, nil))
	w.must(err)
	text, err := w.admin.ring().Sign(oauth.ES256, typ, now, claims)
	w.must(err)
	return text
}

func TestBothFormatsOfAccessTokensOpenTheAPI(t *testing.T) {
	w := newWorld(t)
	if got := w.askAPI(w.jwt(token.TypeAccess, w.manager.Issuer)); got != http.StatusOK {
		t.Errorf("a JWT: %d", got)
	}
	if got := w.askAPI(w.jwt(token.TypeJWT, w.manager.Issuer)); got != http.StatusUnauthorized {
		t.Errorf("a JWT that is no access token: %d", got)
	}
	if got := w.askAPI(w.jwt(token.TypeAccess, "https://other.example")); got != http.StatusUnauthorized {
		t.Errorf("a JWT of another issuer: %d", got)
	}
}

func TestWhatAClientLostItsTokensLostToo(t *testing.T) {
	w := newWorld(t)
	users, own := w.accessToken("ada", nil, oauth.ScopeAdmin), w.accessToken("", nil, oauth.ScopeAdmin)
	c, err := w.store.Client(t.Context(), "tool")
	w.must(err)
	c.Scope = []string{"openid"}
	w.must(w.store.PutClient(t.Context(), c, c.Version, noAudit))
	for name, text := range map[string]string{"a user's": users, "its own": own} {
		if got := w.askAPI(text); got != http.StatusForbidden {
			t.Errorf("%s: %d", name, got)
		}
	}
	c, err = w.store.Client(t.Context(), "tool")
	w.must(err)
	c.Disabled, c.RevokedBefore = true, w.now()
	w.must(w.store.PutClient(t.Context(), c, c.Version, noAudit))
	for name, text := range map[string]string{"a user's": users, "its own": own} {
		if got := w.askAPI(text); got != http.StatusUnauthorized {
			t.Errorf("%s, disabled: %d", name, got)
		}
	}
}

func TestAServiceAsksForItsScopeByName(t *testing.T) {
	w := newWorld(t)
	ask := func(scope string) string {
		r := w.visitor().send("POST", w.runtime+tokenPath, url.Values{
			"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {robotSecret}, "scope": {scope},
		})
		var answer oauth.TokenResponse
		w.must(json.Unmarshal([]byte(bodyOf(r)), &answer))
		return answer.AccessToken
	}
	if got := w.askAPI(ask(oauth.ScopeRead)); got != http.StatusOK {
		t.Errorf("named: %d", got)
	}
	if got := w.askAPI(ask("")); got != http.StatusForbidden {
		t.Errorf("not named: %d", got)
	}
	if text := ask(oauth.ScopeAdmin); text != "" {
		t.Error("a scope that it does not have was given")
	}
}
