package server

import (
	"context"
	"crypto/x509"
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

// mtlsEndpoints are the endpoints that the listener for client certificates serves, by their names in the metadata
// (RFC 8705 §5): those where clients authenticate or use bound tokens. Pages are not among them, so no browser is ever
// asked for a certificate.
var mtlsEndpoints = map[string]string{
	"token_endpoint":                        tokenPath,
	"introspection_endpoint":                introspectPath,
	"revocation_endpoint":                   revokePath,
	"userinfo_endpoint":                     userinfoPath,
	"pushed_authorization_request_endpoint": parPath,
	"device_authorization_endpoint":         deviceAuthorizationPath,
}

// mtlsAliases is mtls_endpoint_aliases of the metadata; nil where the listener is off. What the profile has switched off
// is not in it.
func (s *Server) mtlsAliases(p *oauth.Profile) map[string]string {
	if s.MTLSBaseURL == "" {
		return nil
	}
	aliases := make(map[string]string, len(mtlsEndpoints))
	for name, path := range mtlsEndpoints {
		if path != deviceAuthorizationPath || p.Can(oauth.CapDevice) {
			aliases[name] = s.MTLSBaseURL + path
		}
	}
	return aliases
}

// MTLSHandler is the door for clients that authenticate by a certificate, or bind tokens to one (RFC 8705). Its listener
// asks for a certificate and believes any: which one counts is judged with the client.
func (s *Server) MTLSHandler() http.Handler {
	all := s.Handler()
	served := map[string]bool{}
	for _, path := range mtlsEndpoints {
		served[path] = true
	}
	others := s.reporting(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		web.Deny(w, http.StatusNotFound,
			"This listener serves the endpoints in mtls_endpoint_aliases only.")
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !served[r.URL.Path] {
			others.ServeHTTP(w, r)
			return
		}
		all.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), mtlsDoor{}, true)))
	})
}

// mtlsDoor marks the requests that came by the listener for client certificates.
type mtlsDoor struct{}

// addressOf is the public address that the request was sent to, without its query.
func (s *Server) addressOf(r *http.Request) string {
	if r.Context().Value(mtlsDoor{}) != nil {
		return s.MTLSBaseURL + r.URL.Path
	}
	return s.BaseURL + r.URL.Path
}

// certificates are what the client showed in the TLS handshake, its own first; none but on the listener that asks.
func certificates(r *http.Request) []*x509.Certificate {
	if r.TLS == nil || r.Context().Value(mtlsDoor{}) == nil {
		return nil
	}
	return r.TLS.PeerCertificates
}
