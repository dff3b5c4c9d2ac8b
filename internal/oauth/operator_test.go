package oauth_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
)

func TestRolesAreInOrder(t *testing.T) {
	for i, role := range oauth.Roles {
		for j, least := range oauth.Roles {
			if got := role.AtLeast(least); got != (i >= j) {
				t.Errorf("%s at least %s: %v", role, least, got)
			}
		}
	}
	for _, unknown := range []oauth.Role{"", "root", "Admin"} {
		if unknown.AtLeast(oauth.RoleViewer) || oauth.RoleAdmin.AtLeast(unknown) || unknown.AtLeast(unknown) {
			t.Errorf("the role %q counts for something", unknown)
		}
	}
}

func TestOperatorScopesAreReserved(t *testing.T) {
	for name, want := range map[string]bool{
		oauth.ScopeAdmin: true, oauth.ScopeRead: true, "usher.anything": true, "usher.": false, "usher": false, "usherx": false, "read": false,
	} {
		if oauth.IsOperatorScope(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
	p := oauth.DefaultProfile()
	if s, known := p.ScopeNamed(oauth.ScopeAdmin); !known || s.Description == "" {
		t.Error("users cannot be asked for it in words")
	}
	if _, known := p.ScopeNamed("usher.anything"); known {
		t.Error("a reserved name is a scope")
	}
	if slices.ContainsFunc(p.Scopes, func(s oauth.Scope) bool { return oauth.IsOperatorScope(s.Name) }) {
		t.Error("the profile lists them")
	}
}

func TestOperatorScopesAreGivenOnlyWhereTheyAreNamed(t *testing.T) {
	p := oauth.DefaultProfile()
	tool := &oauth.Client{ID: "tool", Scope: []string{"openid", oauth.ScopeAdmin, oauth.ScopeRead}}
	code := oauth.ResponseType{Code: true}
	granted, err := oauth.GrantedScope(nil, tool, &p)
	if diff := cmp.Diff([]string{"openid"}, granted); diff != "" || err != nil {
		t.Errorf("%s%v", diff, err)
	}
	offered, err := oauth.OfferedScope(nil, code, tool, &p)
	if diff := cmp.Diff([]string{"openid"}, offered); diff != "" || err != nil {
		t.Errorf("%s%v", diff, err)
	}
	named, err := oauth.GrantedScope([]string{oauth.ScopeRead}, tool, &p)
	if diff := cmp.Diff([]string{oauth.ScopeRead}, named); diff != "" || err != nil {
		t.Errorf("%s%v", diff, err)
	}
}

func TestOperatorScopesAreForClientsThatHaveThem(t *testing.T) {
	p := oauth.DefaultProfile()
	p.DefaultScope = []string{"openid", "read"}
	for name, c := range map[string]*oauth.Client{
		"scope of its own":    {ID: "app", Scope: []string{"openid"}},
		"the default scope":   {ID: "app"},
		"the other of them":   {ID: "app", Scope: []string{oauth.ScopeRead}},
		"a scope of a prefix": {ID: "app", Scope: []string{"usher"}},
	} {
		if _, err := oauth.GrantedScope([]string{oauth.ScopeAdmin}, c, &p); code(err) != oauth.InvalidScope {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := oauth.OfferedScope([]string{oauth.ScopeAdmin}, oauth.ResponseType{Code: true}, c, &p); code(err) != oauth.InvalidScope {
			t.Errorf("%s, authorization: %v", name, err)
		}
	}
}

func TestAnExchangeDoesNotPassOperatorScopesOnUnasked(t *testing.T) {
	p := oauth.DefaultProfile()
	gateway := &oauth.Client{ID: "gateway", Scope: []string{"read", oauth.ScopeAdmin}}
	subject := &oauth.AccessToken{Scope: []string{"read", oauth.ScopeAdmin}}
	unasked := oauth.ExchangeRequest{}
	if got, err := unasked.ExchangedScope(subject, gateway, &p); !cmp.Equal(got, []string{"read"}) || err != nil {
		t.Errorf("unasked: %v, %v", got, err)
	}
	asked := oauth.ExchangeRequest{Scope: []string{oauth.ScopeAdmin}}
	if got, err := asked.ExchangedScope(subject, gateway, &p); !cmp.Equal(got, asked.Scope) || err != nil {
		t.Errorf("asked: %v, %v", got, err)
	}
	gateway.Scope = []string{"read"}
	if _, err := asked.ExchangedScope(subject, gateway, &p); code(err) != oauth.InvalidScope {
		t.Errorf("a gateway without it: %v", err)
	}
}

func TestTheAdminPagesCodeFlowIsAlwaysThere(t *testing.T) {
	p := oauth.Profile{}
	admin := &oauth.Client{ID: oauth.AdminClientID, Capabilities: []oauth.Capability{oauth.CapCode, oauth.CapAssistedToken}}
	other := &oauth.Client{ID: "other", Capabilities: []oauth.Capability{oauth.CapCode}}
	without := &oauth.Client{ID: oauth.AdminClientID}
	if !p.Allows(admin, oauth.CapCode) {
		t.Error("operators are locked out")
	}
	if p.Allows(admin, oauth.CapAssistedToken) || p.Allows(other, oauth.CapCode) || p.Allows(without, oauth.CapCode) {
		t.Error("more than that is allowed")
	}
}

func TestATrialOriginDoesNotMakeForOriginNecessary(t *testing.T) {
	const app, trial = "https://app.example", "https://admin.example"
	c := &oauth.Client{ID: "app", AllowedOrigins: []oauth.OriginPattern{app, trial}, TrialOrigin: trial}
	if o, err := oauth.AnswerOrigin(c, ""); err != nil || o.String() != app {
		t.Errorf("without for_origin: %v, %v", o, err)
	}
	if o, err := oauth.AnswerOrigin(c, trial); err != nil || o.String() != trial {
		t.Errorf("on trial: %v, %v", o, err)
	}
	c.TrialOrigin = ""
	if _, err := oauth.AnswerOrigin(c, ""); code(err) != oauth.InvalidRequest {
		t.Errorf("two origins of its own: %v", err)
	}
}
