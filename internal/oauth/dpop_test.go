package oauth_test

import (
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

const tokenAddress = "https://login.example/oauth/v2/oauth-token"

func goodProof() map[string]any {
	return map[string]any{"jti": "1", "htm": "POST", "htu": tokenAddress, "iat": seconds(0)}
}

func checkProof(claims []byte, accessToken string) error {
	p, err := oauth.ParseDPoP(claims)
	if err != nil {
		return err
	}
	return p.Check("POST", []string{"https://mtls.example/oauth/v2/oauth-token", tokenAddress}, accessToken, noon)
}

func TestDPoPProofsThatAreGood(t *testing.T) {
	for name, changes := range map[string][]any{
		"as it is":                       {},
		"with a query and a fragment":    {"htu", tokenAddress + "?a=b#c"},
		"with the default port":          {"htu", "https://login.example:443/oauth/v2/oauth-token"},
		"in capitals":                    {"htu", "HTTPS://LOGIN.example/oauth/v2/oauth-token"},
		"percent-encoded without a need": {"htu", "https://login.example/oauth/v2/oauth%2Dtoken"},
		"at the other address":           {"htu", "https://mtls.example/oauth/v2/oauth-token"},
		"a minute old":                   {"iat", seconds(-time.Minute)},
		"a minute ahead":                 {"iat", seconds(time.Minute)},
		"ath where no token is":          {"ath", "whatever"},
	} {
		if err := checkProof(claimSet(t, goodProof(), changes...), ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDPoPProofsThatAreRefused(t *testing.T) {
	for name, changes := range map[string][]any{
		"no id":                      {"jti", nil},
		"an empty id":                {"jti", ""},
		"another method":             {"htm", "GET"},
		"the method in small":        {"htm", "post"},
		"no method":                  {"htm", nil},
		"another path":               {"htu", "https://login.example/oauth/v2/oauth-revoke"},
		"a path in other case":       {"htu", "https://login.example/oauth/v2/OAUTH-token"},
		"a slash at the end":         {"htu", tokenAddress + "/"},
		"another host":               {"htu", "https://evil.example/oauth/v2/oauth-token"},
		"another port":               {"htu", "https://login.example:8443/oauth/v2/oauth-token"},
		"another scheme":             {"htu", "http://login.example/oauth/v2/oauth-token"},
		"with a user":                {"htu", "https://a@login.example/oauth/v2/oauth-token"},
		"a path alone":               {"htu", "/oauth/v2/oauth-token"},
		"no address":                 {"htu", nil},
		"no time":                    {"iat", nil},
		"older than a minute":        {"iat", seconds(-61 * time.Second)},
		"more than a minute ahead":   {"iat", seconds(61 * time.Second)},
		"a time that is text":        {"iat", "now"},
		"a nonce that is not text":   {"nonce", 5},
		"a hash that is not text":    {"ath", 5},
		"an id that is not text":     {"jti", 5},
		"an address that is no text": {"htu", []string{tokenAddress}},
	} {
		if checkProof(claimSet(t, goodProof(), changes...), "") == nil {
			t.Errorf("accepted: %s", name)
		}
	}
}

func TestDPoPProofOfAnAccessToken(t *testing.T) {
	if err := checkProof(claimSet(t, goodProof(), "ath", oauth.DPoPTokenHash("token")), "token"); err != nil {
		t.Error(err)
	}
	for name, changes := range map[string][]any{
		"no hash":               {},
		"hash of another token": {"ath", oauth.DPoPTokenHash("another")},
		"the token itself":      {"ath", "token"},
	} {
		if checkProof(claimSet(t, goodProof(), changes...), "token") == nil {
			t.Errorf("accepted: %s", name)
		}
	}
}

// RFC 9449 §7.1 has an access token and its ath.
func TestDPoPTokenHash(t *testing.T) {
	if got := oauth.DPoPTokenHash("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"); got != "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo" {
		t.Errorf("ath is %s", got)
	}
}

func TestDPoPProofIsRememberedAsLongAsItIsGood(t *testing.T) {
	p, err := oauth.ParseDPoP(claimSet(t, goodProof(), "iat", seconds(30*time.Second)))
	if err != nil {
		t.Fatal(err)
	}
	if p.Check("POST", []string{tokenAddress}, "", p.Expires()) == nil {
		t.Error("it is good when it is forgotten")
	}
}

func FuzzDPoP(f *testing.F) {
	f.Add(`{"jti":"1","htm":"POST","htu":"`+tokenAddress+`","iat":1772366400}`, tokenAddress)
	f.Add(`{"jti":"1","htm":"POST","htu":"HTTPS://login.EXAMPLE:443/a/../b?q#f","iat":1772366400.9,"nonce":"n","ath":"x"}`, "https://login.example/b")
	f.Fuzz(func(t *testing.T, claims, address string) {
		p, err := oauth.ParseDPoP([]byte(claims))
		if err != nil || p.Check("POST", []string{address}, "", noon) != nil {
			return
		}
		if p.ID == "" || p.Method != "POST" || p.Address == "" || p.Issued.Sub(noon).Abs() > time.Minute {
			t.Errorf("accepted %q for %q", claims, address)
		}
	})
}
