package oauth_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

const thisServer = "https://login.example/oauth/v2/oauth-anonymous"

// claimSet makes the JSON of a claims set: those given, changed by name, value pairs; a nil value removes one.
func claimSet(t testing.TB, claims map[string]any, changes ...any) []byte {
	t.Helper()
	all := map[string]any{}
	for name, value := range claims {
		all[name] = value
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == nil {
			delete(all, changes[i].(string))
		} else {
			all[changes[i].(string)] = changes[i+1]
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func seconds(d time.Duration) int64 { return noon.Add(d).Unix() }

func goodAssertion() map[string]any {
	return map[string]any{"iss": "app", "sub": "app", "aud": thisServer, "jti": "1", "iat": seconds(0), "exp": seconds(time.Minute)}
}

func checkAssertion(claims []byte) error {
	a, err := oauth.ParseAssertion(claims)
	if err != nil {
		return err
	}
	return a.Check("app", []string{thisServer, "https://login.example/token"}, noon)
}

func TestAssertionsThatAreGood(t *testing.T) {
	for name, changes := range map[string][]any{
		"the issuer as sole audience":     {},
		"the token endpoint":              {"aud", "https://login.example/token"},
		"one of several audiences":        {"aud", []string{"https://other.example", thisServer}},
		"without iat":                     {"iat", nil},
		"a clock that is 10 s ahead":      {"iat", seconds(10 * time.Second), "nbf", seconds(10 * time.Second)},
		"a clock that is 60 s ahead":      {"iat", seconds(time.Minute)},
		"a time with a fraction":          {"exp", float64(seconds(time.Minute)) + 0.5},
		"an hour long":                    {"exp", seconds(time.Hour)},
		"claims that nobody asked for":    {"extra", map[string]any{"a": 1}},
		"a claim in another case ignored": {"ISS", "other"},
	} {
		if err := checkAssertion(claimSet(t, goodAssertion(), changes...)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAssertionsThatAreRefused(t *testing.T) {
	for name, changes := range map[string][]any{
		"another issuer":             {"iss", "other"},
		"another subject":            {"sub", "other"},
		"no issuer":                  {"iss", nil},
		"no subject":                 {"sub", nil},
		"another audience":           {"aud", "https://other.example"},
		"the audience and a slash":   {"aud", thisServer + "/"},
		"no audience":                {"aud", nil},
		"an empty list of audiences": {"aud", []string{}},
		"a number as audience":       {"aud", 1},
		"no id":                      {"jti", nil},
		"an empty id":                {"jti", ""},
		"no expiry":                  {"exp", nil},
		"expired":                    {"exp", seconds(0)},
		"a year long":                {"exp", seconds(365 * 24 * time.Hour)},
		"expiry that is text":        {"exp", "tomorrow"},
		"expiry before time began":   {"exp", -1},
		"expiry after all years":     {"exp", 1e300},
		"issued in the future":       {"iat", seconds(61 * time.Second)},
		"not yet valid":              {"nbf", seconds(61 * time.Second)},
	} {
		if checkAssertion(claimSet(t, goodAssertion(), changes...)) == nil {
			t.Errorf("accepted: %s", name)
		}
	}
}

func TestAssertionHasToBeAnObject(t *testing.T) {
	for _, text := range []string{"", "null", "[]", `"x"`, "1", "{", `{"iss":null}`, `{"aud":null}`, `{"exp":null}`, `{} {}`} {
		if checkAssertion([]byte(text)) == nil {
			t.Errorf("accepted %s", text)
		}
	}
}

func FuzzAssertion(f *testing.F) {
	f.Add(`{"iss":"app","sub":"app","aud":"` + thisServer + `","jti":"1","exp":1772366460}`)
	f.Add(`{"iss":"app","sub":"app","aud":["x","` + thisServer + `"],"jti":"1","exp":1772366400.5,"nbf":1e9}`)
	f.Add(`{"exp":1e999,"aud":[null]}`)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := oauth.ParseAssertion([]byte(text))
		if err != nil || a.Check("app", []string{thisServer}, noon) != nil {
			return
		}
		if a.Issuer != "app" || a.Subject != "app" || a.ID == "" || !strings.Contains(strings.Join(a.Audience, " "), thisServer) {
			t.Errorf("accepted %q as %+v", text, a)
		}
		if !a.Expires.After(noon) || a.Expires.After(noon.Add(2*time.Hour)) {
			t.Errorf("accepted %q, which expires at %v", text, a.Expires)
		}
	})
}

func TestAlgorithmsOfAssertions(t *testing.T) {
	for _, test := range []struct {
		method oauth.AuthMethod
		alg    oauth.Alg
		want   []oauth.Alg
	}{
		{oauth.AuthPrivateKeyJWT, "", oauth.ClientAlgs},
		{oauth.AuthPrivateKeyJWT, oauth.PS256, []oauth.Alg{oauth.PS256}},
		{oauth.AuthPrivateKeyJWT, oauth.HS256, nil},
		{oauth.AuthPrivateKeyJWT, oauth.AlgNone, nil},
		{oauth.AuthSecretJWT, "", []oauth.Alg{oauth.HS256}},
		{oauth.AuthSecretJWT, oauth.HS256, []oauth.Alg{oauth.HS256}},
		{oauth.AuthSecretBasic, "", nil},
		{"", "", nil},
	} {
		c := &oauth.Client{ClientAuthentication: oauth.ClientAuthentication{AuthMethod: test.method, AssertionAlg: test.alg}}
		if got := c.AssertionAlgs(); len(got) != len(test.want) || len(got) > 0 && got[0] != test.want[0] {
			t.Errorf("%s with %q: %v, want %v", test.method, test.alg, got, test.want)
		}
	}
}

// FAPI 2.0 Security Profile §5.4.1.
func TestFAPIClientsSignWithStrongAlgorithms(t *testing.T) {
	c := &oauth.Client{ClientAuthentication: oauth.ClientAuthentication{AuthMethod: oauth.AuthPrivateKeyJWT}}
	c.RequirePushed, c.DPoPBound = true, true
	if got := c.AssertionAlgs(); slices.Contains(got, oauth.RS256) || !slices.Contains(got, oauth.PS256) {
		t.Errorf("assertions: %v", got)
	}
	if got := c.RequestObjectAlgs(); slices.Contains(got, oauth.RS256) || slices.Contains(got, oauth.AlgNone) {
		t.Errorf("request objects: %v", got)
	}
	c.AssertionAlg = oauth.RS256
	if got := c.AssertionAlgs(); len(got) != 0 {
		t.Errorf("RS256 by registration: %v", got)
	}
}

func TestAudienceAsText(t *testing.T) {
	for aud, want := range map[string]bool{
		`"` + thisServer + `"`:   true,
		`["` + thisServer + `"]`: false,
		`"https://other"`:        false,
	} {
		a, err := oauth.ParseAssertion([]byte(`{"iss":"app","sub":"app","aud":` + aud + `}`))
		if err != nil || a.AudienceIs(thisServer) != want {
			t.Errorf("%s: %v, %v", aud, !want, err)
		}
	}
}
