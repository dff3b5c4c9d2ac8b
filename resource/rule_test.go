package resource

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const algNames = `algs="ES256 PS256 EdDSA"`

func TestChallenges(t *testing.T) {
	i := newIssuer(t)
	bearer := i.verifier(ByIntrospection(apiID, secret))
	both := i.verifier(ByIntrospection(apiID, secret), AcceptDPoP(apiBase))
	i.handle("good", nil)
	s := newSender(i, jose.ES256)
	const (
		invalid   = `error="invalid_token", error_description="The token expired, was revoked, or never was one."`
		malformed = `error="invalid_request", error_description="The Authorization header is malformed."`
		little    = `error="insufficient_scope", error_description="The token lacks a scope that is needed here."`
		weak      = `error="insufficient_user_authentication", error_description="A more recent or stronger sign-in is needed here."`
	)
	tests := []struct {
		name       string
		rule       Rule
		headers    []string
		status     int
		challenges []string
	}{
		{"nothing was sent: no error code (RFC 6750 §3.1)", bearer.Require(), nil, 401, []string{"Bearer"}},
		{"the same with both schemes (RFC 9449 §7.2)", both.Require(), nil, 401, []string{"Bearer", "DPoP " + algNames}},
		{"what is needed is said before", both.Require("read", "pay"), nil, 401, []string{`Bearer scope="read pay"`, `DPoP scope="read pay", ` + algNames}},
		{"another scheme is nothing", bearer.Require(), []string{"Authorization", "Basic eA=="}, 401, []string{"Bearer"}},
		{"an empty header is nothing", bearer.Require(), []string{"Authorization", ""}, 401, []string{"Bearer"}},
		{"a header of no token", bearer.Require(), []string{"Authorization", "Bearer"}, 400, []string{"Bearer " + malformed}},
		{"not the syntax of one", bearer.Require(), []string{"Authorization", "Bearer a b"}, 400, []string{"Bearer " + malformed}},
		{"longer than tokens", bearer.Require(), []string{"Authorization", "Bearer " + strings.Repeat("x", maxToken+1)}, 400, []string{"Bearer " + malformed}},
		{"two headers", bearer.Require(), []string{"Authorization", "Bearer good", "Authorization", "Bearer good"}, 400, []string{"Bearer " + malformed}},
		{"a malformed header of the other scheme", both.Require(), []string{"Authorization", "DPoP"}, 400, []string{"DPoP " + malformed + ", " + algNames}},
		{"a bad token", bearer.Require(), []string{"Authorization", "Bearer bad"}, 401, []string{"Bearer " + invalid}},
		{"a bad token, with both schemes", both.Require(), []string{"Authorization", "Bearer bad"}, 401, []string{"Bearer " + invalid, "DPoP " + algNames}},
		{"too little scope", bearer.Require("read", "pay"), []string{"Authorization", "Bearer good"}, 403, []string{"Bearer " + little + `, scope="read pay"`}},
		{"too little scope, by DPoP", both.Require("pay"), []string{"Authorization", "DPoP " + s.token, "DPoP", s.proof(nil, nil)}, 403, []string{"DPoP " + little + `, scope="pay", ` + algNames}},
		{"too long ago", bearer.Require().MaxAge(30 * time.Second), []string{"Authorization", "Bearer good"}, 401, []string{"Bearer " + weak + `, max_age="30"`}},
		{"just now", bearer.Require().MaxAge(0), []string{"Authorization", "Bearer good"}, 401, []string{"Bearer " + weak + `, max_age="0"`}},
		{"not in these ways", bearer.Require().ACR("otp", "passkey"), []string{"Authorization", "Bearer good"}, 401, []string{"Bearer " + weak + `, acr_values="otp passkey"`}},
		{"all of it at once", bearer.Require("pay").ACR("otp").MaxAge(30 * time.Second), []string{"Authorization", "Bearer good"}, 401,
			[]string{"Bearer " + weak + `, scope="pay", acr_values="otp", max_age="30"`}},
		{"a scope that would break the header", bearer.Require("a\", x=\"\\b\r\n"), nil, 401, []string{`Bearer scope="a, x=b"`}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := call(tc.rule, tc.headers...)
			if got := w.Header()["Www-Authenticate"]; w.Code != tc.status || !slices.Equal(got, tc.challenges) {
				t.Errorf("%d %q\nwant %d %q", w.Code, got, tc.status, tc.challenges)
			}
			if w.Header().Get("Cache-Control") != "no-store" || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%v %s", w.Header(), w.Body)
			}
		})
	}
}

func TestRulesThatAreObeyed(t *testing.T) {
	i := newIssuer(t)
	v := i.verifier(ByIntrospection(apiID, secret))
	i.handle("good", nil)
	for name, rule := range map[string]Rule{
		"none":                       v.Require(),
		"scopes":                     v.Require("read", "openid"),
		"a minute and the leeway":    v.Require().MaxAge(time.Minute - leeway),
		"one of several ways":        v.Require().ACR("otp", "pwd"),
		"the scheme in another case": v.Require(),
	} {
		scheme := "Bearer "
		if name == "the scheme in another case" {
			scheme = "bEARER  " // RFC 9110 §11.1, §11.4
		}
		if w := call(rule, "Authorization", scheme+"good"); w.Code != 200 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestStepUpNeedsATimeAndAWay(t *testing.T) {
	i := newIssuer(t)
	v := i.verifier(ByIntrospection(apiID, secret))
	i.handle("machine", map[string]any{"auth_time": nil, "acr": nil})
	for _, rule := range []Rule{v.Require().MaxAge(1000 * time.Hour), v.Require().ACR("pwd")} {
		if w := call(rule, "Authorization", "Bearer machine"); w.Code != 401 {
			t.Errorf("status %d", w.Code)
		}
	}
}

func TestRulesAreValues(t *testing.T) {
	i := newIssuer(t)
	i.handle("good", nil)
	plain := i.verifier(ByIntrospection(apiID, secret)).Require("read")
	plain.MaxAge(0)
	plain.ACR("otp")
	if w := call(plain, "Authorization", "Bearer good"); w.Code != 200 {
		t.Errorf("status %d", w.Code)
	}
}

func TestTokenIsReadFromTheHeaderAlone(t *testing.T) {
	i := newIssuer(t)
	i.handle("good", nil)
	r := httptest.NewRequest("GET", "/?access_token=good", nil)
	if w := serve(i.verifier(ByIntrospection(apiID, secret)).Require(), r); w.Code != 401 {
		t.Errorf("status %d", w.Code)
	}
}

func TestNoTokenWithoutARule(t *testing.T) {
	if _, ok := TokenFrom(t.Context()); ok {
		t.Error("there is a token")
	}
}
