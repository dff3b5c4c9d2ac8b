package token_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

var claims = []byte(`{"iss":"https://localhost:8443","sub":"alice"}`)

func TestSignVerify(t *testing.T) {
	r := fullRing(t)
	for _, alg := range []oauth.Alg{oauth.ES256, oauth.RS256} {
		for typ, accepted := range map[string][]string{token.TypeJWT: {"", "JWT", "jwt"}, token.TypeAccess: {"at+jwt", "AT+JWT"}, token.TypeLogout: {"logout+jwt"}} {
			jws, err := r.Sign(alg, typ, start, claims)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"", "JWT", "jwt", "at+jwt", "AT+JWT", "logout+jwt"} {
				got, gotAlg, err := r.Verify(jws, want)
				if slices.Contains(accepted, want) {
					if err != nil || !bytes.Equal(got, claims) || gotAlg != alg {
						t.Errorf("%s %s as %q: %q %s %v", alg, typ, want, got, gotAlg, err)
					}
				} else if !errors.Is(err, token.ErrInvalid) {
					t.Errorf("%s %s passes as %q: %v", alg, typ, want, err)
				}
			}
		}
	}
}

func TestSignRefuses(t *testing.T) {
	r := fullRing(t)
	if _, err := r.Sign("HS256", token.TypeJWT, start, claims); !errors.Is(err, token.ErrNoKey) {
		t.Errorf("got %v", err)
	}
	if _, err := r.Sign(oauth.ES256, "other+jwt", start, claims); err == nil {
		t.Error("an unknown type was signed")
	}
}

// forge signs with any key and header.
func forge(t testing.TB, alg jose.SignatureAlgorithm, key any, header map[jose.HeaderKey]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestVerifyRefuses(t *testing.T) {
	r := fullRing(t)
	good, err := r.Sign(oauth.ES256, token.TypeJWT, start, claims)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	kid := keyIDs(t, r)[0]
	mine, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	tests := map[string]struct {
		jws  string
		want error
	}{
		"empty":             {"", token.ErrInvalid},
		"too long":          {forge(t, jose.ES256, mine, map[jose.HeaderKey]any{"kid": "other"}) + strings.Repeat("A", 1<<20), token.ErrInvalid},
		"line end":          {good[:len(good)-4] + "\n" + good[len(good)-4:], token.ErrInvalid},
		"no signature":      {parts[0] + "." + parts[1] + ".", token.ErrInvalid},
		"none":              {encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", token.ErrInvalid},
		"other claims":      {parts[0] + "." + encode([]byte(`{"sub":"bob"}`)) + "." + parts[2], token.ErrInvalid},
		"foreign key":       {forge(t, jose.ES256, mine, map[jose.HeaderKey]any{"kid": kid}), token.ErrInvalid},
		"foreign key id":    {forge(t, jose.ES256, mine, map[jose.HeaderKey]any{"kid": "other"}), token.ErrUnknownKey},
		"no key id":         {forge(t, jose.ES256, mine, nil), token.ErrInvalid},
		"symmetric":         {forge(t, jose.HS256, make([]byte, 32), map[jose.HeaderKey]any{"kid": kid}), token.ErrInvalid},
		"embedded key":      {forge(t, jose.ES256, mine, map[jose.HeaderKey]any{"kid": kid, "jwk": jose.JSONWebKey{Key: mine.Public()}}), token.ErrInvalid},
		"another algorithm": {forge(t, jose.ES256, mine, map[jose.HeaderKey]any{"kid": keyIDs(t, r)[1]}), token.ErrInvalid},
		"type is no text":   {forge(t, jose.ES256, mine, map[jose.HeaderKey]any{"kid": kid, "typ": []int{1}}), token.ErrInvalid},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, _, err := r.Verify(test.jws, ""); !errors.Is(err, test.want) || got != nil {
				t.Errorf("got %q, %v, want %v", got, err, test.want)
			}
		})
	}
}

// keyIDs reads the kids of the JWKS.
func keyIDs(t testing.TB, r *token.Ring) []string {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(r.JWKS(start), &set); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range set.Keys {
		ids = append(ids, k.KeyID)
	}
	return ids
}

func TestJWKS(t *testing.T) {
	m := newMaster(t)
	retired, current, next := newKey(t, m, token.UseSign, oauth.ES256, start.Add(-day)),
		newKey(t, m, token.UseSign, oauth.ES256, start), newKey(t, m, token.UseSign, oauth.ES256, start.Add(day))
	rs := newKey(t, m, token.UseSign, oauth.RS256, start)
	r := newRing(t, []token.WrappedKey{next, rs, newKey(t, m, token.UseSeal, "", start), retired, current}, m, issuer)
	if got, want := keyIDs(t, r), []string{current.ID, rs.ID, retired.ID, next.ID}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if algs := r.Algs(); !slices.Equal(algs, []oauth.Alg{oauth.ES256, oauth.RS256}) {
		t.Errorf("got %v", algs)
	}
	// A relying party that knows nothing but the JWKS can verify.
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(r.JWKS(start), &set); err != nil {
		t.Fatal(err)
	}
	jws, err := r.Sign(oauth.ES256, token.TypeJWT, start, claims)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(jws, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parsed.Verify(set.Key(current.ID)[0]); err != nil || !bytes.Equal(got, claims) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestJWKSHasNoPrivateParts(t *testing.T) {
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(fullRing(t).JWKS(start), &set); err != nil {
		t.Fatal(err)
	}
	public := map[string][]string{"EC": {"alg", "crv", "kid", "kty", "use", "x", "y"}, "RSA": {"alg", "e", "kid", "kty", "n", "use"}}
	if len(set.Keys) != 2 {
		t.Fatalf("%d keys", len(set.Keys))
	}
	for _, k := range set.Keys {
		var members []string
		for name := range k {
			members = append(members, name)
		}
		slices.Sort(members)
		if want := public[k["kty"].(string)]; !slices.Equal(members, want) || k["use"] != "sig" {
			t.Errorf("got the members %v, want %v", members, want)
		}
	}
	if empty := newRing(t, nil, newMaster(t), issuer).JWKS(start); string(empty) != `{"keys":[]}` {
		t.Errorf("got %s", empty)
	}
}

func TestSigningAcrossRotation(t *testing.T) {
	m := newMaster(t)
	older, newer := newKey(t, m, token.UseSign, oauth.ES256, start), newKey(t, m, token.UseSign, oauth.ES256, start.Add(time.Hour))
	r := newRing(t, []token.WrappedKey{older, newer}, m, issuer)
	before, errBefore := r.Sign(oauth.ES256, token.TypeJWT, start, claims)
	after, errAfter := r.Sign(oauth.ES256, token.TypeJWT, start.Add(time.Hour), claims)
	if errBefore != nil || errAfter != nil {
		t.Fatal(errBefore, errAfter)
	}
	revoked := newRing(t, []token.WrappedKey{newer}, m, issuer)
	if _, _, err := revoked.Verify(before, ""); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("signed with a key that is gone: %v", err)
	}
	if _, _, err := revoked.Verify(after, ""); err != nil {
		t.Error(err)
	}
	if _, _, err := r.Verify(before, ""); err != nil {
		t.Errorf("signed with a retired key: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	r := fullRing(f)
	f.Add("", "")
	f.Add("e30.e30.AA", "at+jwt")
	for _, alg := range r.Algs() {
		jws, err := r.Sign(alg, token.TypeJWT, start, claims)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(jws, "")
	}
	f.Fuzz(func(t *testing.T, jws, typ string) {
		if got, _, err := r.Verify(jws, typ); err == nil && !bytes.Equal(got, claims) {
			t.Errorf("%q verifies as %q", jws, got)
		}
	})
}

func BenchmarkSignES256(b *testing.B) {
	r := fullRing(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Sign(oauth.ES256, token.TypeJWT, start, claims); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyES256(b *testing.B) {
	r := fullRing(b)
	jws, err := r.Sign(oauth.ES256, token.TypeJWT, start, claims)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Verify(jws, ""); err != nil {
			b.Fatal(err)
		}
	}
}
