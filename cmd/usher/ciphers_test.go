package main

import (
	"crypto/tls"
	"net/http"
	"slices"
	"testing"
)

func TestOnlyRecommendedCiphersWithTLS12(t *testing.T) {
	d, _ := startDemo(t, t.TempDir())
	c := browser(d)
	conf := c.Transport.(*http.Transport).TLSClientConfig
	conf.MaxVersion = tls.VersionTLS12
	var others []uint16
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if slices.Contains(suite.SupportedVersions, tls.VersionTLS12) && !slices.Contains(serverTLS(nil).CipherSuites, suite.ID) {
			others = append(others, suite.ID)
		}
	}
	conf.CipherSuites = others
	if r, err := c.Get(d.BaseURL); err == nil {
		r.Body.Close()
		t.Errorf("accepted %s", tls.CipherSuiteName(r.TLS.CipherSuite))
	}
	good := browser(d)
	good.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS12
	if r, err := good.Get(d.BaseURL); err != nil {
		t.Error(err)
	} else {
		r.Body.Close()
	}
}
