package resource

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"time"
)

// Rule is what a token needs for some of the API's addresses. It is a value: its methods return another.
type Rule struct {
	verifier *Verifier
	scope    []string
	acr      []string
	maxAge   *time.Duration
}

// Require makes the rule that a token is good and has all these scopes; with none, any good token will do.
func (v *Verifier) Require(scopes ...string) Rule {
	return Rule{verifier: v, scope: slices.Clone(scopes)}
}

// MaxAge demands that the user proved who they are no longer ago than this, a whole number of seconds. Who did not is
// challenged to sign in again (RFC 9470).
func (r Rule) MaxAge(d time.Duration) Rule {
	r.maxAge = &d
	return r
}

// ACR demands that the user authenticated in one of these ways, the preferred first (RFC 9470).
func (r Rule) ACR(values ...string) Rule {
	r.acr = slices.Clone(values)
	return r
}

// Wrap lets only requests through that obey the rule. The method value is a middleware as routers take it.
func (r Rule) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		t, err := r.verifier.authenticate(req)
		if err == nil {
			err = r.judge(&t)
		}
		var no *refusal
		switch {
		case err == nil:
			next.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), contextKey{}, t.Token)))
		case errors.As(err, &no):
			r.verifier.log.DebugContext(req.Context(), "a request was refused", "error", no.code, "description", no.description, "cause", no.cause)
			r.write(w, no.using(t.scheme))
		case req.Context().Err() != nil:
			r.verifier.log.DebugContext(req.Context(), "the caller hung up before its token was checked")
			writeError(w, http.StatusServiceUnavailable, "temporarily_unavailable", "The request ended.")
		default:
			r.verifier.log.ErrorContext(req.Context(), "an access token could not be checked", "error", err)
			writeError(w, http.StatusServiceUnavailable, "temporarily_unavailable",
				"The API cannot reach the identity server to check the token.")
		}
	})
}

// presented is a token, and by which scheme it came.
type presented struct {
	Token
	scheme string
}

// judge holds a good token against the rule. Authentication comes first: its challenge names the scopes too, so that one
// more sign-in mends both.
func (r Rule) judge(t *presented) error {
	now := r.verifier.now()
	stale := r.maxAge != nil && (t.AuthTime.IsZero() || now.Sub(t.AuthTime) > *r.maxAge+leeway)
	if stale || len(r.acr) > 0 && !slices.Contains(r.acr, t.ACR) {
		return tooWeak
	}
	for _, s := range r.scope {
		if !t.HasScope(s) {
			return tooLittle
		}
	}
	return nil
}

func (v *Verifier) schemes() []string {
	if v.dpop == nil {
		return []string{schemeBearer}
	}
	return []string{schemeBearer, schemeDPoP}
}

// authenticate returns the token of a request, once it is known to be good and to be whose it says.
func (v *Verifier) authenticate(r *http.Request) (presented, error) {
	c, err := readAuthorization(r.Header, v.schemes())
	switch {
	case errors.Is(err, errMalformed):
		return presented{scheme: c.scheme}, malformed
	case err != nil:
		return presented{}, noToken
	}
	t := presented{scheme: c.scheme}
	var p *proof
	if c.scheme == schemeDPoP {
		if p, err = v.dpop.read(r, c.token, v.now()); err != nil {
			return t, badProof.because(err)
		}
	}
	if t.Token, err = v.check(r.Context(), c.token); err != nil {
		return t, err
	}
	return t, v.possessed(r, t.Token.bound, p)
}

// possessed tells whether the caller has the key that the token is bound to. A bound token without its key is refused, and so
// is a proof for a token that is not bound to its key (RFC 9449 §7.1, §7.2; RFC 8705 §3).
func (v *Verifier) possessed(r *http.Request, b binding, p *proof) error {
	if b.x5t != "" && !hasCertificate(r, b.x5t) {
		return notBound
	}
	thumbprint := ""
	if p != nil {
		thumbprint = p.thumbprint
	}
	if subtle.ConstantTimeCompare([]byte(b.jkt), []byte(thumbprint)) != 1 {
		return notBound
	}
	// Last, so that only proofs for good tokens are remembered.
	if p != nil && !v.dpop.seen.use(p, v.now()) {
		return badProof
	}
	return nil
}

// hasCertificate tells whether the connection is the client's whose certificate this is the thumbprint of.
func hasCertificate(r *http.Request, thumbprint string) bool {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return false
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	is := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(is), []byte(thumbprint)) == 1
}
