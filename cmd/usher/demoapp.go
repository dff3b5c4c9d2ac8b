package main

import (
	"crypto/tls"
	"net/http"

	javascriptspa "github.com/usher-id/usher/examples/javascript-spa/app"
)

// example is the JavaScript example. Its API asks this server about tokens, so it trusts the local CA.
func (d *demo) example(secret string) http.Handler {
	return javascriptspa.New(javascriptspa.Options{
		Server:              d.BaseURL,
		ClientID:            demoClient,
		IntrospectionClient: demoAPI,
		IntrospectionSecret: secret,
		HTTPClient: &http.Client{
			Timeout: javascriptspa.Timeout,
			Transport: &http.Transport{
				TLSClientConfig:   &tls.Config{RootCAs: d.ca.pool(), MinVersion: tls.VersionTLS12},
				ForceAttemptHTTP2: true,
				IdleConnTimeout:   idleTimeout,
			},
		},
	})
}
