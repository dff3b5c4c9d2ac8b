package resource

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	// timeout bounds one request to the server, answer included.
	timeout = 5 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 256 << 10
)

// httpClient returns the client that reaches the server: the one given or one of our own, with a timeout. Redirects are not
// followed: they could carry credentials and tokens elsewhere.
func (s *settings) httpClient() (*http.Client, error) {
	c := http.Client{Timeout: timeout}
	if s.client != nil {
		c = *s.client
	} else {
		roots, err := rootsWith(s.caFile)
		if err != nil {
			return nil, err
		}
		c.Transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: timeout,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     90 * time.Second,
		}
	}
	if c.Timeout <= 0 {
		c.Timeout = timeout
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c, nil
}

// rootsWith returns the system's authorities and those in the file; nil, which means the system's, where no file is named.
func rootsWith(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the authorities cannot be read: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("there is no certificate in %s", file)
	}
	return pool, nil
}

// metadata is what this package reads of the server's metadata (RFC 8414 §2).
type metadata struct {
	Issuer                string `json:"issuer"`
	JWKSURI               string `json:"jwks_uri"`
	IntrospectionEndpoint string `json:"introspection_endpoint"`
}

// server is the issuer, as it is reached over the network.
type server struct {
	issuer   string
	client   *http.Client
	metadata *remote[metadata]
}

func newServer(issuer string, client *http.Client, now func() time.Time) *server {
	s := &server{issuer: issuer, client: client}
	s.metadata = newRemote(s.discover, now)
	return s
}

// discover reads the metadata, which must be this issuer's (OpenID Connect Discovery §4.3).
func (s *server) discover(ctx context.Context) (metadata, error) {
	var m metadata
	err := s.get(ctx, strings.TrimRight(s.issuer, "/")+"/.well-known/openid-configuration", &m)
	if err == nil && m.Issuer != s.issuer {
		err = fmt.Errorf("the metadata is that of the issuer %q, not of %q", m.Issuer, s.issuer)
	}
	return m, err
}

func (s *server) get(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	body, err := s.do(req)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s answered no JSON object: %w", address, err)
	}
	return nil
}

// do sends the request where nobody else reads it, and returns the body of a good answer.
func (s *server) do(req *http.Request) ([]byte, error) {
	if !confidential(req.URL.String()) {
		return nil, fmt.Errorf("the server names an address that is not confidential: %s", req.URL)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, fmt.Errorf("%s answered %s; are the API's client id and secret right?", req.URL, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answered %s", req.URL, resp.Status)
	case err != nil:
		return nil, err
	case len(body) > maxAnswer:
		return nil, errors.New("the server's answer is too long")
	}
	return body, nil
}
