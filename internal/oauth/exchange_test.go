package oauth_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

func exchangeQuery(pairs ...string) url.Values {
	q := url.Values{"subject_token": {"x"}, "subject_token_type": {string(oauth.TokenTypeAccess)}}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q
}

func TestParseExchange(t *testing.T) {
	c := &oauth.Client{ID: "gateway"}
	c.Audience, c.Resources = []string{"orders"}, []string{"https://stock.example"}
	for _, tt := range []struct {
		name string
		q    url.Values
		want oauth.Code
	}{
		{"plain", exchangeQuery(), ""},
		{"a JWT", exchangeQuery("subject_token_type", string(oauth.TokenTypeJWT), "requested_token_type", string(oauth.TokenTypeJWT)), ""},
		{"no subject", exchangeQuery("subject_token", ""), oauth.InvalidRequest},
		{"no type", exchangeQuery("subject_token_type", ""), oauth.InvalidRequest},
		{"an ID token", exchangeQuery("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"), oauth.InvalidRequest},
		{"a refresh token", exchangeQuery("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), oauth.InvalidRequest},
		{"a refresh token wanted", exchangeQuery("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), oauth.InvalidRequest},
		{"an actor", exchangeQuery("actor_token", "y"), oauth.InvalidRequest},
		{"an actor's type", exchangeQuery("actor_token_type", "y"), oauth.InvalidRequest},
		{"its audience", exchangeQuery("audience", "orders"), ""},
		{"its resource as audience", exchangeQuery("audience", "https://stock.example"), ""},
		{"its resource", exchangeQuery("resource", "https://stock.example"), ""},
		{"another audience", exchangeQuery("audience", "bank"), oauth.InvalidTarget},
		{"another resource", exchangeQuery("resource", "https://bank.example"), oauth.InvalidTarget},
		{"a bad scope", exchangeQuery("scope", "a\"b"), oauth.InvalidScope},
	} {
		_, err := oauth.ParseExchange(tt.q, c)
		if (err == nil) != (tt.want == "") || err != nil && err.Code != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	r, _ := oauth.ParseExchange(url.Values{"subject_token": {"x"}, "subject_token_type": {string(oauth.TokenTypeAccess)},
		"resource": {"https://stock.example"}, "audience": {"orders", "https://stock.example", ""}}, c)
	if !slices.Equal(r.Audience, []string{"https://stock.example", "orders"}) || r.Wanted != oauth.TokenTypeAccess {
		t.Errorf("%+v", r)
	}
}

func TestExchangedScope(t *testing.T) {
	c := &oauth.Client{ID: "gateway", Scope: []string{"read", "email", "offline_access"}}
	p := oauth.DefaultProfile()
	subject := &oauth.AccessToken{Scope: []string{"openid", "read", "offline_access"}}
	for _, tt := range []struct {
		name        string
		asked, want []string
	}{
		{"what both have", nil, []string{"read"}},
		{"a part", []string{"read"}, []string{"read"}},
		{"more than the token has", []string{"read", "email"}, nil},
		{"more than the client has", []string{"openid"}, nil},
		{"offline access", []string{"offline_access"}, nil},
	} {
		r := oauth.ExchangeRequest{Scope: tt.asked}
		got, err := r.ExchangedScope(subject, c, &p)
		if (err != nil) != (tt.want == nil) || !slices.Equal(got, tt.want) || err != nil && err.Code != oauth.InvalidScope {
			t.Errorf("%s: %v %v", tt.name, got, err)
		}
	}
}

func TestExchange(t *testing.T) {
	c := &oauth.Client{ID: "gateway"}
	p := oauth.DefaultProfile()
	key, other := oauth.Confirmation{JKT: "key"}, oauth.Confirmation{JKT: "other"}
	subject := &oauth.AccessToken{
		ID: id(1), DelegationID: id(2), FamilyID: id(3), ClientID: "app", Subject: "pseudonym", Claims: []string{"email"},
		Expires: noon.Add(time.Minute), Confirmation: key,
	}
	st := &oauth.Standing{Account: oauth.Account{ID: id(4)}}
	r := oauth.ExchangeRequest{Audience: []string{"orders"}}
	got := r.Exchange(id(5), subject, st, []string{"read"}, c, &p, oauth.Confirmation{}, noon)
	if got.DelegationID != subject.DelegationID || got.FamilyID != subject.FamilyID || got.ClientID != "gateway" || got.Actor != "gateway" {
		t.Errorf("hangs off something else: %+v", got)
	}
	if got.Subject != st.Account.ID.String() || got.Claims != nil || got.Audience[0] != "orders" {
		t.Errorf("says something else: %+v", got)
	}
	if !got.Expires.Equal(subject.Expires) {
		t.Errorf("outlives its subject: %v", got.Expires)
	}
	if got.Confirmation != key {
		t.Errorf("lost the key: %+v", got.Confirmation)
	}
	if got := r.Exchange(id(5), subject, st, nil, c, &p, other, noon); got.Confirmation != other {
		t.Errorf("bound to %+v", got.Confirmation)
	}
	subject.Expires = noon.Add(time.Hour)
	if got := r.Exchange(id(5), subject, st, nil, c, &p, other, noon); !got.Expires.Equal(noon.Add(oauth.AccessTokenLifetime(c, &p))) {
		t.Errorf("lives longer than the client's tokens: %v", got.Expires)
	}
}

func TestConfirmationProves(t *testing.T) {
	for _, tt := range []struct {
		bound    oauth.Confirmation
		jkt, x5t string
		want     bool
	}{
		{oauth.Confirmation{}, "", "", true},
		{oauth.Confirmation{}, "a", "b", true},
		{oauth.Confirmation{JKT: "a"}, "a", "", true},
		{oauth.Confirmation{JKT: "a"}, "", "a", false},
		{oauth.Confirmation{JKT: "a"}, "b", "", false},
		{oauth.Confirmation{X5T: "a"}, "", "a", true},
		{oauth.Confirmation{X5T: "a"}, "a", "", false},
	} {
		if got := tt.bound.Proves(tt.jkt, tt.x5t); got != tt.want {
			t.Errorf("%+v by %q, %q: %t", tt.bound, tt.jkt, tt.x5t, got)
		}
	}
}
