package main

import (
	"net/http"
	"path/filepath"

	javascriptspa "github.com/usher-id/usher/examples/javascript-spa/app"
)

// example is the JavaScript example. Its API asks this server about tokens, so it trusts the local CA.
func (d *demo) example(secret string) (http.Handler, error) {
	return javascriptspa.New(javascriptspa.Options{
		Server:              d.BaseURL,
		ClientID:            demoClient,
		IntrospectionClient: demoAPI,
		IntrospectionSecret: secret,
		CAFile:              filepath.Join(d.Data, caCertFile),
	})
}
