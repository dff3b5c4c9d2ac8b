package main

import (
	"context"
	"crypto/tls"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/usher-id/usher/internal/config"
)

// TestOnlyTheListenerForClientsAsksForACertificate holds a browser away from the question: the ordinary listener never
// asks, and the one that does serves no page.
func TestOnlyTheListenerForClientsAsksForACertificate(t *testing.T) {
	dir := t.TempDir()
	ca := newCA(t, dir)
	if err := ca.issue(dir); err != nil {
		t.Fatal(err)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := newMasterFile(path("master.key")); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Sources{Flags: map[string]string{
		"listen": "localhost:0", "mtls_listen": "localhost:0", "mtls_base_url": "https://localhost:8445", "metrics_listen": "off", "admin_listen": "off",
		"mtls_ca_file": path(caCertFile), "outbound_ca_file": path(caCertFile), "outbound_networks": "10.0.0.0/8",
		"tls_cert_file": path(leafCertFile), "tls_key_file": path(leafKeyFile),
		"master_key_file": path("master.key"), "database": "sqlite:" + path("usher.db"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	master, err := readMaster(path("master.key"))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Config: c, Log: quiet}
	defer n.Close()
	if err := n.open(t.Context(), master); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	for setting, want := range map[string]struct {
		asks bool
		page int
	}{"listen": {false, http.StatusOK}, "mtls_listen": {true, http.StatusNotFound}} {
		asked := false
		client := browser(&demo{ca: ca})
		client.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return &tls.Certificate{}, nil
		}
		if r, body := get(t, client, "https://"+local(n.door(setting).port())+"/"); r.StatusCode != want.page || asked != want.asks {
			t.Errorf("%s: %d, asked for a certificate: %v: %s", setting, r.StatusCode, asked, body)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
