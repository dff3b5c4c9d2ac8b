package oauth_test

import (
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
)

func query(t testing.TB, raw string) url.Values {
	t.Helper()
	q, err := url.ParseQuery(raw)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestAssistedTarget(t *testing.T) {
	for _, tt := range []struct {
		raw, client, origin string
		code                oauth.Code
	}{
		{"client_id=app", "app", "", ""},
		{"client_id=app&for_origin=", "app", "", ""},
		{"client_id=app&for_origin=https://a.example", "app", "https://a.example", ""},
		{"client_id=app&scope=a&scope=b", "app", "", ""}, // for the answer to the app to complain about
		{"", "", "", oauth.InvalidRequest},
		{"client_id=", "", "", oauth.InvalidRequest},
		{"Client_id=app", "", "", oauth.InvalidRequest},
		{"client_id=app&client_id=app", "", "", oauth.InvalidRequest},
		{"client_id=app&client_id=", "", "", oauth.InvalidRequest},
		{"client_id=app&for_origin=https://a.example&for_origin=https://a.example", "", "", oauth.InvalidRequest},
		{"client_id=" + strings.Repeat("a", 2049), "", "", oauth.InvalidRequest},
	} {
		client, origin, err := oauth.AssistedTarget(query(t, tt.raw))
		if client != tt.client || origin != tt.origin || code(err) != tt.code {
			t.Errorf("%.80q: %q, %q, %v", tt.raw, client, origin, err)
		}
	}
}

func TestAnswerOrigin(t *testing.T) {
	one := origins(t, "https://a.example")
	two := origins(t, "https://a.example", "https://b.example")
	wild := origins(t, "https://*.example.com")
	for _, tt := range []struct {
		name   string
		client *oauth.Client
		asked  string
		want   string // empty: refused
	}{
		{"the only one goes without saying", one, "", "https://a.example"},
		{"the only one, said", one, "https://a.example", "https://a.example"},
		{"another than the only one", one, "https://b.example", ""},
		{"one of two, said", two, "https://b.example", "https://b.example"},
		{"one of two, not said", two, "", ""},
		{"a wildcard, not said", wild, "", ""},
		{"a wildcard, said", wild, "https://app.example.com", "https://app.example.com"},
		{"the pattern itself", wild, "https://*.example.com", ""},
		{"none configured", &oauth.Client{}, "", ""},
		{"null", one, "null", ""},
		{"star", one, "*", ""},
		{"with a slash", one, "https://a.example/", ""},
		{"in capitals", one, "https://A.example", ""},
		{"two at once", two, "https://a.example https://b.example", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := oauth.AnswerOrigin(tt.client, tt.asked)
			if got.String() != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q, %v", got, err)
			}
			if err != nil && (err.Code != oauth.InvalidRequest || !allowedInErrors(err.Description)) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestParseAssisted(t *testing.T) {
	none := oauth.AuthenticationRequest{MaxAge: oauth.NoMaxAge}
	with := func(change func(*oauth.AuthenticationRequest)) oauth.AuthenticationRequest {
		r := none
		change(&r)
		return r
	}
	prompt := func(p oauth.Prompt) oauth.AuthenticationRequest {
		return with(func(r *oauth.AuthenticationRequest) { r.Prompt = p })
	}
	maxAge := func(n int) oauth.AuthenticationRequest {
		return with(func(r *oauth.AuthenticationRequest) { r.MaxAge = n })
	}
	login, consent, silent := oauth.Prompt{Login: true}, oauth.Prompt{Consent: true}, oauth.Prompt{None: true}
	for _, tt := range []struct {
		raw  string
		want oauth.AuthenticationRequest
	}{
		{"", none},
		{"prompt=&scope=&force_auth=&nonce=&max_age=&acr_values=&login_hint=&ui_locales=", none},
		{"unknown=1&unknown=2&response_type=code", none},
		{"Prompt=none&SCOPE=read", none},

		{"prompt=none", prompt(silent)},
		{"prompt=login", prompt(login)},
		{"prompt=consent", prompt(consent)},
		{"prompt=login+consent", prompt(oauth.Prompt{Login: true, Consent: true})},
		{"prompt=consent++login+login", prompt(oauth.Prompt{Login: true, Consent: true})},
		{"prompt=+none+", prompt(silent)},
		{"prompt=none+none", prompt(silent)},
		{"prompt=create", none},
		{"prompt=Login", none},
		{"prompt=create+login", prompt(login)},
		{"prompt=none+create", prompt(silent)}, // an unknown value is ignored, beside none too
		{"prompt=login%09consent", none},       // separated by spaces and nothing else
		{"prompt=none%C2%A0login", none},

		{"force_auth=true", prompt(login)},
		{"force_auth=true&prompt=login", prompt(login)},
		{"force_auth=true&prompt=consent", prompt(oauth.Prompt{Login: true, Consent: true})},
		{"force_auth=false", none},
		{"force_auth=1", none},
		{"force_auth=TRUE", none},
		{"force_auth=false&prompt=none", prompt(silent)},

		{"max_age=0", maxAge(0)},
		{"max_age=60", maxAge(60)},
		{"max_age=0060", maxAge(60)},
		{"max_age=99999999999", maxAge(math.MaxInt32)},
		{"max_age=18446744073709551615", maxAge(math.MaxInt32)},
		{"max_age=60&prompt=none", with(func(r *oauth.AuthenticationRequest) { r.MaxAge, r.Prompt = 60, silent })},

		{"scope=read", with(func(r *oauth.AuthenticationRequest) { r.Scope = []string{"read"} })},
		{"scope=+read++openid+read+", with(func(r *oauth.AuthenticationRequest) { r.Scope = []string{"read", "openid"} })},
		{"scope=+", none},
		{"nonce=a%20b%22", with(func(r *oauth.AuthenticationRequest) { r.Nonce = `a b"` })},
		{"login_hint=al%C3%AFce%3Cb%3E", with(func(r *oauth.AuthenticationRequest) { r.LoginHint = "alïce<b>" })},
		{"acr_values=x+y&ui_locales=de+fr", none},
		{"nonce=" + strings.Repeat("n", 2048), with(func(r *oauth.AuthenticationRequest) { r.Nonce = strings.Repeat("n", 2048) })},
	} {
		got, err := oauth.ParseAssisted(query(t, tt.raw))
		if err != nil {
			t.Errorf("%.80q: %v", tt.raw, err)
		} else if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%.80q: %s", tt.raw, diff)
		}
	}
}

func TestParseAssistedRefuses(t *testing.T) {
	wrong := map[string]oauth.Code{
		"prompt=none+login":                  oauth.InvalidRequest,
		"prompt=login+none":                  oauth.InvalidRequest,
		"prompt=consent+none":                oauth.InvalidRequest,
		"prompt=none+login+consent":          oauth.InvalidRequest,
		"prompt=none&force_auth=true":        oauth.InvalidRequest,
		"max_age=-1":                         oauth.InvalidRequest,
		"max_age=%2B5":                       oauth.InvalidRequest,
		"max_age=1.5":                        oauth.InvalidRequest,
		"max_age=1e3":                        oauth.InvalidRequest,
		"max_age=0x10":                       oauth.InvalidRequest,
		"max_age=1_000":                      oauth.InvalidRequest,
		"max_age=+60":                        oauth.InvalidRequest,
		"max_age=60+":                        oauth.InvalidRequest,
		"max_age=%D9%A1":                     oauth.InvalidRequest, // an Arabic digit
		"max_age=abc":                        oauth.InvalidRequest,
		"scope=a%22b":                        oauth.InvalidScope,
		"scope=a%5Cb":                        oauth.InvalidScope,
		"scope=a%09b":                        oauth.InvalidScope,
		"scope=a%0Ab":                        oauth.InvalidScope,
		"scope=%C3%A9":                       oauth.InvalidScope,
		"scope=a%7F":                         oauth.InvalidScope,
		"scope=a%00":                         oauth.InvalidScope,
		"scope=" + strings.Repeat("a", 2049): oauth.InvalidRequest,
	}
	for _, name := range []string{"prompt", "scope", "force_auth", "nonce", "max_age", "acr_values", "login_hint", "ui_locales"} {
		wrong[name+"=1&"+name+"=1"] = oauth.InvalidRequest
		wrong[name+"=&"+name+"="] = oauth.InvalidRequest
		wrong[name+"="+strings.Repeat("1", 2049)] = oauth.InvalidRequest
	}
	for raw, want := range wrong {
		got, err := oauth.ParseAssisted(query(t, raw))
		if code(err) != want {
			t.Errorf("%.80q: %v; want %s", raw, err, want)
		}
		if diff := cmp.Diff(oauth.AuthenticationRequest{}, got); diff != "" {
			t.Errorf("%.80q: an error and a request: %s", raw, diff)
		}
	}
}

func FuzzAssisted(f *testing.F) {
	f.Add("client_id=app&for_origin=https://a.example&prompt=none&scope=openid+read&max_age=60&nonce=1")
	f.Add("client_id=app&client_id=app")
	f.Add("client_id=app&prompt=none+login&force_auth=true&login_hint=%3Cb%3E")
	f.Add("client_id=a;b&scope=%22&max_age=-0")
	f.Fuzz(func(t *testing.T, raw string) {
		q, _ := url.ParseQuery(raw) // as net/http does: what can be read counts
		client, origin, err := oauth.AssistedTarget(q)
		switch {
		case err != nil:
			checkRefusal(t, err)
			if client != "" || origin != "" {
				t.Error("an error and a target")
			}
		case client == "" || len(q["client_id"]) != 1 || len(q["for_origin"]) > 1:
			t.Errorf("%q has the target %q, %q", raw, client, origin)
		}
		r, err := oauth.ParseAssisted(q)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if r.MaxAge < oauth.NoMaxAge || r.Prompt.None && (r.Prompt.Login || r.Prompt.Consent) {
			t.Errorf("%q: %+v", raw, r)
		}
		if again, err := oauth.ParseScope(oauth.JoinScope(r.Scope)); err != nil || !cmp.Equal(again, r.Scope) {
			t.Errorf("scope %q does not survive: %q, %v", r.Scope, again, err)
		}
	})
}

func checkRefusal(t *testing.T, err *oauth.Error) {
	t.Helper()
	if err.Code != oauth.InvalidRequest && err.Code != oauth.InvalidScope || !allowedInErrors(err.Description) {
		t.Errorf("refused by %v", err)
	}
}
