package resource

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"", "Bearer", "Bearer x", "bearer  x==", "DPoP a.b.c", "Basic eA==", "Bearer a b", "Bearer =", "Bearer\tx"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		c, err := readAuthorization(http.Header{"Authorization": {header}}, []string{schemeBearer, schemeDPoP})
		if err != nil {
			if c.token != "" {
				t.Fatalf("an error and a token: %q", header)
			}
			return
		}
		if c.scheme != schemeBearer && c.scheme != schemeDPoP {
			t.Fatalf("the scheme %q of %q", c.scheme, header)
		}
		if c.token == "" || len(c.token) > maxToken || strings.ContainsAny(c.token, " \t\r\n\",;") || !strings.HasSuffix(strings.TrimRight(header, " "), c.token) {
			t.Fatalf("the token %q of %q", c.token, header)
		}
		again, err := readAuthorization(http.Header{"Authorization": {c.scheme + " " + c.token}}, []string{schemeBearer, schemeDPoP})
		if err != nil || again != c {
			t.Fatalf("%v reads as %v, %v", c, again, err)
		}
	})
}

func FuzzProof(f *testing.F) {
	key := jose.JSONWebKey{Key: privateKey(f, jose.ES256)}
	header := map[string]any{"typ": "dpop+jwt", "jwk": key.Public()}
	f.Add(sign(f, key, jose.ES256, header, map[string]any{
		"jti": "1", "htm": "GET", "htu": "https://api.example.com/%7e?x#y", "iat": 1_800_000_000, "ath": "x",
	}))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseProof(text)
		if err != nil {
			return
		}
		if p.jti == "" || p.htm == "" || p.ath == "" || p.issued.IsZero() || len(p.thumbprint) != 43 {
			t.Fatalf("%+v", p)
		}
	})
}

// FuzzProofClaims gets past the signature, which FuzzProof seldom does.
func FuzzProofClaims(f *testing.F) {
	f.Add([]byte(`{"jti":"1","htm":"GET","htu":"HTTPS://API.example.com:443/a%2Fb?x","iat":1.5,"ath":"x"}`))
	f.Add([]byte(`{"jti":["a",1],"htu":"http://[::1]:80","iat":1e400}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		p, err := readProof(payload, make([]byte, 32))
		if err != nil {
			return
		}
		if again, err := normalURI(p.uri); err != nil || again != p.uri {
			t.Fatalf("%q is not normal: %q, %v", p.uri, again, err)
		}
	})
}
