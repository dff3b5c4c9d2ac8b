package server

import (
	"context"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

// errClient does not tell an unknown client from a wrong proof, nor one proof from another.
var errClient = oauth.Errorf(oauth.InvalidClient, "Client authentication failed.")

// errUnknownClient is a cause for the log.
var errUnknownClient = errors.New("unknown client")

var errTwoWays = oauth.Errorf(oauth.InvalidRequest, "The request authenticates the client in two ways.")

// The kinds of one-time values that come with a request.
const (
	kindAssertion = "assertion"
	kindDPoP      = "dpop"
)

// authenticated is a client that proved who it is, or a public one that said who it is.
type authenticated struct {
	client *oauth.Client
	method oauth.AuthMethod
	// spends are to be handed to the verb that writes, or to spend, after every other check has passed.
	spends []store.OneTime
	// certificate is the x5t#S256 of the connection's certificate (RFC 8705 §3.1), whatever the method; empty for none.
	certificate string
}

// presented is what a request says of its client.
type presented struct {
	id, secret string
	method     oauth.AuthMethod // what it looks like; empty for an id alone
	assertion  *token.Foreign
}

// authenticateClient finds out which client sent a form request, and holds it to the one way in which that client
// proves itself (RFC 6749 §2.3, RFC 7523 §2.2, RFC 8705 §2). The form has been parsed.
func (s *Server) authenticateClient(r *http.Request, snap *snapshot) (authenticated, *oauth.Error) {
	p, protocolErr := presentedBy(r)
	if protocolErr != nil {
		return authenticated{}, protocolErr
	}
	c, known, protocolErr := s.client(r.Context(), snap, p.id)
	if protocolErr != nil {
		return authenticated{}, protocolErr
	}
	if !known {
		subtle.ConstantTimeCompare(web.HashSecret(p.secret), make([]byte, 32))
		return authenticated{}, errClient.Because(errUnknownClient)
	}
	a := authenticated{client: c, method: p.method}
	chain := certificates(r)
	if len(chain) > 0 {
		a.certificate = token.CertificateThumbprint(chain[0])
	}
	if a.method == "" {
		a.method = oauth.AuthNone
		if c.AuthMethod == oauth.AuthTLS || c.AuthMethod == oauth.AuthSelfSignedTLS {
			a.method = c.AuthMethod
		}
	}
	if !mayAuthenticateBy(c, a.method) {
		return authenticated{}, errClient.Because(fmt.Errorf("the client does not authenticate by %s",
			a.method))
	}
	var err error
	switch a.method {
	case oauth.AuthNone:
	case oauth.AuthSecretBasic, oauth.AuthSecretPost:
		err = checkSecret(c, p.secret)
	case oauth.AuthTLS:
		err = s.checkChain(c, chain)
	case oauth.AuthSelfSignedTLS:
		err = s.checkSelfSigned(r.Context(), c, chain)
	case oauth.AuthSecretJWT, oauth.AuthPrivateKeyJWT:
		a.spends, err = s.checkAssertion(r, c, p.assertion)
	default:
		err = fmt.Errorf("unknown client authentication method %q", a.method)
	}
	if err != nil {
		return authenticated{}, errClient.Because(err)
	}
	return a, nil
}

// mayAuthenticateBy tells whether a method is the client's. The one that it registered is the only one; without,
// its secret may come either way, and who has none is public.
func mayAuthenticateBy(c *oauth.Client, m oauth.AuthMethod) bool {
	switch {
	case c.AuthMethod != "":
		return m == c.AuthMethod
	case c.IsPublic():
		return m == oauth.AuthNone
	}
	return m == oauth.AuthSecretBasic || m == oauth.AuthSecretPost
}

// presentedBy reads who the request says it is from: Basic, secret in the form, assertion, or the id alone; never two.
func presentedBy(r *http.Request) (presented, *oauth.Error) {
	for _, name := range []string{"client_id", "client_secret", "client_assertion", "client_assertion_type"} {
		if len(r.PostForm[name]) > 1 {
			return presented{}, oauth.Errorf(oauth.InvalidRequest, "The parameter %s is repeated.", name)
		}
	}
	p := presented{id: r.PostForm.Get("client_id"), secret: r.PostForm.Get("client_secret")}
	hasAssertion := r.PostForm.Has("client_assertion") || r.PostForm.Has("client_assertion_type")
	user, password, inHeader := r.BasicAuth()
	switch {
	case inHeader && (p.secret != "" || hasAssertion) || hasAssertion && p.secret != "":
		return presented{}, errTwoWays // RFC 6749 §2.3
	case inHeader:
		return p.basic(user, password)
	case hasAssertion:
		return p.asserted(r.PostForm)
	case p.secret != "":
		p.method = oauth.AuthSecretPost
	}
	return p, nil
}

// basic reads HTTP Basic, both halves of which are form-encoded (RFC 6749 §2.3.1).
func (p presented) basic(user, password string) (presented, *oauth.Error) {
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(password)
	if err1 != nil || err2 != nil {
		return presented{}, errClient.Because(errors.New("the Basic credentials are not form-encoded"))
	}
	if p.id != "" && p.id != id {
		return presented{}, errTwoWays
	}
	return presented{id: id, secret: secret, method: oauth.AuthSecretBasic}, nil
}

// asserted reads a client assertion (RFC 7523 §2.2): the client is its subject, and client_id may repeat it (RFC 7521 §4.2).
func (p presented) asserted(form url.Values) (presented, *oauth.Error) {
	if form.Get("client_assertion_type") != oauth.ClientAssertionType {
		return presented{}, errClient.Because(errors.New("unknown client_assertion_type"))
	}
	f, err := token.ParseForeign(form.Get("client_assertion"), append([]oauth.Alg{oauth.HS256}, oauth.ClientAlgs...))
	if err != nil {
		return presented{}, errClient.Because(err)
	}
	claims, err := oauth.ParseAssertion(f.Unverified())
	if err != nil || p.id != "" && p.id != claims.Subject {
		return presented{}, errClient.Because(errors.New("the assertion is not about the client of the request"))
	}
	p.id, p.method, p.assertion = claims.Subject, oauth.AuthPrivateKeyJWT, f
	if f.Alg == oauth.HS256 {
		p.method = oauth.AuthSecretJWT
	}
	return p, nil
}

// checkSecret compares a secret. Those that usher makes have 256 bits, so one SHA-256 is enough.
func checkSecret(c *oauth.Client, secret string) error {
	if len(c.SecretHash) == 0 || subtle.ConstantTimeCompare(web.HashSecret(secret), c.SecretHash) != 1 {
		return errors.New("wrong secret")
	}
	return nil
}

// checkAssertion verifies a client assertion and judges its claims; the answer is the id that may be used once.
func (s *Server) checkAssertion(r *http.Request, c *oauth.Client, f *token.Foreign) ([]store.OneTime, error) {
	if !slices.Contains(c.AssertionAlgs(), f.Alg) || f.Type != "" && !strings.EqualFold(f.Type, "JWT") && !strings.EqualFold(f.Type, oauth.TypeClientAssertion) {
		return nil, errors.New("an assertion of another type or algorithm")
	}
	claims, err := s.verifyOf(r.Context(), c, f)
	if err != nil {
		return nil, err
	}
	a, err := oauth.ParseAssertion(claims)
	if err != nil {
		return nil, err
	}
	if err := a.Check(c.ID, s.assertionAudiences(r), s.Now()); err != nil {
		return nil, err
	}
	if c.IsFAPI() && !a.AudienceIs(s.issuer) {
		return nil, errors.New("aud has to be the issuer, as a text")
	}
	return []store.OneTime{{Kind: kindAssertion, Owner: c.ID, ID: a.ID, Expires: a.Expires}}, nil
}

// assertionAudiences are what an assertion may be for: the issuer, the token endpoint, or the endpoint itself (RFC 7523
// §3, RFC 9126 §2; clients by FAPI 2.0 name the issuer alone, and are held to it).
func (s *Server) assertionAudiences(r *http.Request) []string {
	own := s.addressOf(r)
	tokenEndpoint := strings.TrimSuffix(own, r.URL.Path) + tokenPath
	return []string{s.issuer, s.BaseURL + tokenPath, tokenEndpoint, own}
}

// verifyOf verifies what a client signed, with its secret or its keys. A key that is not among those known causes
// another look at where the client publishes them.
func (s *Server) verifyOf(ctx context.Context, c *oauth.Client, f *token.Foreign) ([]byte, error) {
	if f.Alg == oauth.HS256 {
		secret, err := s.Master.OpenSecret(c.ID, c.WrappedSecret)
		if err != nil {
			return nil, err
		}
		return f.VerifyMAC([]byte(secret))
	}
	keys, err := s.clientKeys(ctx, c, false)
	if err != nil {
		return nil, err
	}
	claims, err := f.Verify(keys)
	if errors.Is(err, token.ErrUnknownKey) && c.JWKSURI != "" {
		if keys, err = s.clientKeys(ctx, c, true); err != nil {
			return nil, err
		}
		claims, err = f.Verify(keys)
	}
	return claims, err
}

// clientKeys are the client's public keys: those it registered, or those where it publishes them.
func (s *Server) clientKeys(ctx context.Context, c *oauth.Client, unknown bool) (*token.KeySet, error) {
	if len(c.JWKS) > 0 {
		return token.ParseKeySet(c.JWKS)
	}
	if c.JWKSURI == "" {
		return nil, errors.New("the client has no keys")
	}
	return s.outbound.keys(ctx, c.ID, c.JWKSURI, unknown)
}

// checkChain accepts a certificate that an operator's CA issued for the client (RFC 8705 §2.1).
func (s *Server) checkChain(c *oauth.Client, chain []*x509.Certificate) error {
	if len(chain) == 0 || s.ClientCAs == nil {
		return errors.New("no certificate, or no CA to hold it against")
	}
	options := x509.VerifyOptions{
		Roots: s.ClientCAs, Intermediates: x509.NewCertPool(), CurrentTime: s.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, between := range chain[1:] {
		options.Intermediates.AddCert(between)
	}
	if _, err := chain[0].Verify(options); err != nil {
		return err
	}
	return token.CertificateIs(chain[0], c.TLSSubjectDN, c.TLSSANDNS)
}

// checkSelfSigned accepts a certificate that the client itself vouches for by its keys (RFC 8705 §2.2).
func (s *Server) checkSelfSigned(ctx context.Context, c *oauth.Client, chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return errors.New("no certificate")
	}
	for _, unknown := range []bool{false, true} {
		keys, err := s.clientKeys(ctx, c, unknown)
		if err != nil {
			return err
		}
		if keys.HasCertificate(chain[0]) {
			return nil
		}
	}
	return errors.New("the certificate is not among the client's keys")
}

// spend uses one-time values up, for requests that write nothing else.
func (s *Server) spend(ctx context.Context, values ...store.OneTime) *oauth.Error {
	if len(values) == 0 {
		return nil
	}
	return asSpent(s.Store.Spend(ctx, values...))
}

// spentErrors say which of the one-time values of a request was used before.
var spentErrors = map[string]*oauth.Error{
	kindAssertion: errClient.Because(errors.New("the assertion was used before")),
	kindDPoP:      oauth.Errorf(oauth.InvalidDPoPProof, "The DPoP proof was used before."),
	kindPushed:    oauth.Errorf(oauth.InvalidRequestURI, "The request_uri was used before."),
}
