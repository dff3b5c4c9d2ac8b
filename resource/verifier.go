package resource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"
)

// leeway is how far the clocks of the server and of the API may differ.
const leeway = 10 * time.Second

// Verifier checks access tokens of one server for one API. It is safe for concurrent use; an API has one.
type Verifier struct {
	// check tells what a token is worth: a *refusal for one that is worth nothing, any other error where nobody knows.
	check func(ctx context.Context, text string) (Token, error)
	dpop  *dpop // nil: DPoP is not accepted
	log   *slog.Logger
	now   func() time.Time
}

// settings is what the options say.
type settings struct {
	issuer, audience string
	id, secret       string
	introspects, jwt bool
	staleness        time.Duration
	stalenessGiven   bool
	dpopBase         string
	client           *http.Client
	caFile           string
	log              *slog.Logger
	now              func() time.Time
}

// An Option of New.
type Option func(*settings)

// ByIntrospection asks the server about each token (RFC 7662), with the credentials of the API, which is a client of its own
// with the introspection capability.
func ByIntrospection(clientID, clientSecret string) Option {
	return func(s *settings) { s.introspects, s.id, s.secret = true, clientID, clientSecret }
}

// ByJWT checks tokens that are JWTs (RFC 9068) with the keys that the server publishes. A key that the server withdrew is
// believed for five minutes more, or for an hour while the server cannot be reached.
func ByJWT() Option { return func(s *settings) { s.jwt = true } }

// MaxStaleness is how old an answer of the introspection endpoint may be that a request is judged by: a token that was
// revoked longer ago than this is refused. 5 seconds where the option is not given; with 0 each request asks anew.
func MaxStaleness(d time.Duration) Option {
	return func(s *settings) { s.staleness, s.stalenessGiven = d, true }
}

// AcceptDPoP accepts tokens that are bound to a key of the client by DPoP (RFC 9449), beside bearer tokens. baseURL is the
// address under which clients reach this API, such as "https://api.example.com": proofs name it, and what a request
// says of its own host is not believed. Where a proxy takes a prefix off the path, baseURL has the prefix.
//
// Proofs are remembered by the process for as long as they count, about two minutes. Where several processes serve one
// API, a proof can be replayed once to each of the others.
func AcceptDPoP(baseURL string) Option { return func(s *settings) { s.dpopBase = baseURL } }

// HTTPClient is used to reach the server, in place of one with a timeout of 5 seconds. It is never made to follow redirects.
func HTTPClient(c *http.Client) Option { return func(s *settings) { s.client = c } }

// CAFile names a PEM file with authorities that are believed beside the system's when the server is reached, for
// instance the ca.crt of usher's demo.
func CAFile(path string) Option { return func(s *settings) { s.caFile = path } }

// Logger hears why a token could not be checked, never the token; slog.Default() where the option is not given.
func Logger(l *slog.Logger) Option { return func(s *settings) { s.log = l } }

// New makes the Verifier of an API. issuer is the server's, exactly as its metadata has it. audience is what tokens call this
// API; a client of usher for which no audience was configured gets tokens for the issuer itself. One of
// ByIntrospection and ByJWT has to be given. New contacts nobody: the server may be started later.
func New(issuer, audience string, options ...Option) (*Verifier, error) {
	s := settings{issuer: issuer, audience: audience, staleness: 5 * time.Second, log: slog.Default(), now: time.Now}
	for _, o := range options {
		o(&s)
	}
	client, err := s.httpClient()
	if err := errors.Join(s.validate(), err); err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	v := &Verifier{log: s.log, now: s.now}
	server := newServer(s.issuer, client, s.now)
	if s.introspects {
		v.check = newIntrospector(&s, server).check
	} else {
		v.check = newJWTChecker(&s, server).check
	}
	if s.dpopBase != "" {
		v.dpop, err = newDPoP(s.dpopBase)
	}
	if err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	return v, nil
}

func (s *settings) validate() error {
	var errs []error
	fault := func(wrong bool, text string) {
		if wrong {
			errs = append(errs, errors.New(text))
		}
	}
	fault(!confidential(s.issuer), "the issuer has to be an https address (http only on this machine)")
	fault(s.audience == "", "the audience is missing: without it, tokens for other APIs would be accepted")
	fault(s.introspects == s.jwt, "give one of ByIntrospection and ByJWT")
	fault(s.introspects && (s.id == "" || s.secret == ""), "introspection needs the API's client id and secret")
	fault(s.staleness < 0, "MaxStaleness is negative")
	fault(s.stalenessGiven && !s.introspects, "MaxStaleness goes with ByIntrospection: who checks JWTs does not hear of revocations")
	fault(s.client != nil && s.caFile != "", "HTTPClient and CAFile exclude each other: let the client trust the authorities")
	return errors.Join(errs...)
}

// confidential tells whether what is sent to the address is read by nobody else: https, or a loopback address.
func confidential(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
