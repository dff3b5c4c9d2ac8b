package oauth_test

import (
	"net/url"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

func TestParseIdentityAssertion(t *testing.T) {
	a, err := oauth.ParseIdentityAssertion(url.Values{
		"client_id": {"app"}, "account_id": {"x"}, "nonce": {"n-1"}, "params": {`{"scope":"read","nonce":"n-2"}`}, "is_auto_selected": {"true"},
	})
	if err != nil || a.AccountID != "x" || a.Query.Get("client_id") != "app" || a.Query.Get("scope") != "read" || len(a.Query["nonce"]) != 1 || a.Query.Get("nonce") != "n-2" {
		t.Errorf("got %+v, %v", a, err)
	}
}

// Whatever a browser, or whoever plays one, posts: the client is the form's, and no parameter is repeated.
func FuzzParseIdentityAssertion(f *testing.F) {
	for _, params := range []string{`{}`, `{"client_id":"app"}`, `{"client_id":"other"}`, `{"scope":"a","scope":"b"}`, `null`, `[]`, `{"a":1}`, ``} {
		f.Add("app", params)
	}
	f.Fuzz(func(t *testing.T, client, params string) {
		a, err := oauth.ParseIdentityAssertion(url.Values{"client_id": {client}, "account_id": {"x"}, "params": {params}})
		if err != nil {
			return
		}
		if a.Query.Get("client_id") != client || client == "" {
			t.Errorf("%q is asked for %q", client, a.Query.Get("client_id"))
		}
		for name, values := range a.Query {
			if len(values) != 1 {
				t.Errorf("%q has %d values", name, len(values))
			}
		}
	})
}

func TestBrowserAccount(t *testing.T) {
	a := oauth.Account{ID: oauth.ID{1}, Username: "ann", Attributes: []byte(`{"given_name":"Ann","family_name":7}`)}
	b := oauth.NewBrowserAccount(&a)
	if b.Name != "ann" || b.GivenName != "Ann" || b.Email != "" || b.ID != a.ID.String() || len(b.LoginHints) != 2 {
		t.Errorf("got %+v", b)
	}
	a.Attributes = []byte(`{"given_name":["Ann"]}`)
	if b := oauth.NewBrowserAccount(&a); b.GivenName != "" {
		t.Errorf("got %+v", b)
	}
}

func TestKnownAs(t *testing.T) {
	a := oauth.Account{ID: oauth.ID{1}, Username: "ann"}
	p := oauth.Profile{PairwiseSalt: []byte("salt")}
	pairwise := oauth.Client{ClientTokens: oauth.ClientTokens{SubjectType: oauth.SubjectPairwise, SectorIdentifier: "app.example"}}
	for hint, want := range map[string]bool{p.Subject(&pairwise, a.ID): true, a.ID.String(): true, "Ann": true, "": false, "bob": false} {
		if got := a.KnownAs(hint, &pairwise, &p); got != want {
			t.Errorf("known as %q: %v, want %v", hint, got, want)
		}
	}
}
