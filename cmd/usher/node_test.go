package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/config"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

var quiet = slog.New(slog.DiscardHandler)

// startDemo runs a demo on free ports until the test ends; stop ends it earlier.
func startDemo(t *testing.T, dir string) (d *demo, stop func()) {
	t.Helper()
	d = &demo{Data: dir, node: node{Log: quiet}}
	if err := d.Open(t.Context()); err != nil {
		d.Close()
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-ended, d.Close()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return d, stop
}

// browser trusts the demo's CA and nothing else.
func browser(d *demo) *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: d.ca.pool()}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
	}}
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(body)
}

func TestDemoServesWithItsOwnAddressesAndCertificate(t *testing.T) {
	d, _ := startDemo(t, t.TempDir())
	r, body := get(t, browser(d), d.BaseURL+"/oauth/v2/oauth-anonymous/.well-known/openid-configuration")
	if r.StatusCode != http.StatusOK || !strings.Contains(body, `"issuer": "`+d.BaseURL+`/oauth/v2/oauth-anonymous"`) {
		t.Errorf("discovery: %d %s", r.StatusCode, body)
	}
	if r.ProtoMajor != 2 || r.TLS.Version != tls.VersionTLS13 {
		t.Errorf("HTTP/%d, TLS %x", r.ProtoMajor, r.TLS.Version)
	}
	if r, body := get(t, browser(d), d.appOrigin()+"/"); r.StatusCode != http.StatusOK || !strings.Contains(body, d.BaseURL) {
		t.Errorf("example: %d %s", r.StatusCode, body)
	}
	// Both loopback addresses, since browsers try either first.
	for _, l := range d.doors[0].listeners {
		if addr := netip.MustParseAddrPort(l.Addr().String()); !addr.Addr().IsLoopback() {
			t.Errorf("listens on %s", addr)
		}
	}
}

func TestANewDemoInvitesItsFirstOperator(t *testing.T) {
	dir := t.TempDir()
	d, stop := startDemo(t, dir)
	if !strings.HasPrefix(d.invite.URL, d.AdminBaseURL+"/admin/link?code=") {
		t.Fatalf("invites to %q", d.invite.URL)
	}
	if r, body := get(t, browser(d), d.invite.URL); r.StatusCode != http.StatusOK || !strings.Contains(body, "password") {
		t.Errorf("the link: %d %s", r.StatusCode, body)
	}
	var said strings.Builder
	if err := d.announce(&said); err != nil || !strings.Contains(said.String(), d.invite.URL) || !strings.Contains(said.String(), d.AdminBaseURL+"/admin\n") {
		t.Errorf("announces %s, %v", said.String(), err)
	}
	link, err := url.Parse(d.invite.URL)
	if err != nil {
		t.Fatal(err)
	}
	err = d.manager.UseOperatorLink(t.Context(), link.Query().Get("code"), oauth.Account{Username: "ann"}, "a password of some length")
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if d, _ := startDemo(t, dir); d.invite.URL != "" {
		t.Error("it invites again")
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	d, _ := startDemo(t, t.TempDir())
	c := browser(d)
	c.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS11
	c.Transport.(*http.Transport).TLSClientConfig.MinVersion = tls.VersionTLS10
	if r, err := c.Get(d.BaseURL); err == nil {
		r.Body.Close()
		t.Error("TLS 1.1 was accepted")
	}
}

func TestDemoHealsAnInterruptedFirstStart(t *testing.T) {
	dir := t.TempDir()
	_, stop := startDemo(t, dir)
	stop()
	// As if the process had been killed just before the last file was written.
	if err := os.Remove(filepath.Join(dir, demoAPISecret)); err != nil {
		t.Fatal(err)
	}
	d, stop := startDemo(t, dir)
	c, err := d.manager.Client(t.Context(), demoAPI)
	secret, readErr := os.ReadFile(filepath.Join(dir, demoAPISecret))
	if err != nil || readErr != nil || !bytes.Equal(c.SecretHash, hashOf(secret)) {
		t.Errorf("the file and the client differ: %v, %v", err, readErr)
	}
	stop()
	// A new database beside the files of an old one is seeded.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(dir, demoDatabase+suffix)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	d, _ = startDemo(t, dir)
	if _, err := d.manager.AccountNamed(t.Context(), demoUser); err != nil {
		t.Error(err)
	}
}

// What a clock that was ahead wrote never stops a start, and the keys from the future are not used.
func TestDemoStartsWithKeysFromTheFuture(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	d, stop := startDemo(t, dir)
	future := map[string]bool{}
	for _, role := range token.Due(nil, now, token.DefaultPolicy()) {
		key, err := token.NewKey(d.manager.Rand, role.Use, role.Alg, now.Add(400*24*time.Hour), now.Add(401*24*time.Hour), d.manager.Master)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.store.AddKey(t.Context(), key, now.Add(time.Minute), store.Audit{}); err != nil {
			t.Fatal(err)
		}
		future[key.ID] = true
	}
	stop()
	again, _ := startDemo(t, dir)
	keys, err := again.manager.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if future[k.ID] && k.State != token.StateNext {
			t.Errorf("the key %s from the future is %s", k.ID, k.State)
		}
	}
}

func openTestDoor(t *testing.T, setting string, h http.Handler) *door {
	t.Helper()
	d, err := openDoor(setting, "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	d.handler = h
	t.Cleanup(d.close)
	return d
}

func TestStopSaysNotReadyAndFinishesWhatIsUnderWay(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	slow := openTestDoor(t, "listen", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-release
		_, _ = io.WriteString(w, "done")
	}))
	n := &node{Log: quiet, Config: config.Config{ShutdownGrace: 30 * time.Second}}
	n.metrics = openTestDoor(t, "metrics_listen", n.operations())
	n.doors = []*door{slow, n.metrics}
	for _, d := range n.doors {
		d.serve(quiet, make(chan error, 4))
	}
	answer := make(chan string, 1)
	go func() {
		r, err := http.Get("http://" + local(slow.port()))
		if err != nil {
			answer <- err.Error()
			return
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		answer <- string(body)
	}()
	<-began
	stopped := make(chan struct{})
	go func() {
		n.stop()
		close(stopped)
	}()
	ready := "http://" + local(n.metrics.port()) + "/readyz"
	for r, _ := get(t, http.DefaultClient, ready); r.StatusCode != http.StatusServiceUnavailable; {
		r, _ = get(t, http.DefaultClient, ready)
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("the request under way got %q", got)
	}
	<-stopped
}

func TestStopIsBounded(t *testing.T) {
	began := make(chan struct{})
	stuck := openTestDoor(t, "listen", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	}))
	var log bytes.Buffer
	n := &node{Log: slog.New(slog.NewTextHandler(&log, nil)), Config: config.Config{ShutdownGrace: time.Millisecond}, doors: []*door{stuck}}
	stuck.serve(quiet, make(chan error, 4))
	go func() {
		if r, err := http.Get("http://" + local(stuck.port())); err == nil {
			r.Body.Close()
		}
	}()
	<-began
	n.stop()
	if !strings.Contains(log.String(), "cut off") {
		t.Errorf("the log says nothing: %s", log.String())
	}
}

func TestHeadersAreBounded(t *testing.T) {
	d := openTestDoor(t, "listen", http.NotFoundHandler())
	d.serve(quiet, make(chan error, 4))
	r, err := http.NewRequest(http.MethodGet, "http://"+local(d.port()), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Large", strings.Repeat("x", 2*maxHeaderBytes))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d", answer.StatusCode)
	}
}

func TestProxyListenerServesTrustedProxiesOnly(t *testing.T) {
	n := &node{Log: quiet, Config: config.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	h := n.proxied(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for _, tc := range []struct {
		name, peer, proto string
		want              int
	}{
		{"a proxy that says https", "10.1.2.3:4", "https", http.StatusOK},
		{"a proxy that says http", "10.1.2.3:4", "http", http.StatusForbidden},
		{"a proxy that says nothing", "10.1.2.3:4", "", http.StatusForbidden},
		{"a stranger who says https", "192.0.2.1:4", "https", http.StatusForbidden},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tc.peer
		r.Header.Set("X-Forwarded-Proto", tc.proto)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tc.want {
			t.Errorf("%s: got %d", tc.name, w.Code)
		}
	}
}

func TestLogIsBufferedSaveWarnings(t *testing.T) {
	var out bytes.Buffer
	log, buffer := newLog(&out, "json", slog.LevelInfo)
	defer buffer.Close()
	log.With("a", 1).Error("first")
	if !strings.Contains(out.String(), "first") {
		t.Error("an error waits")
	}
	log.Info("second")
	buffer.Close()
	if !strings.Contains(out.String(), "second") {
		t.Error("Close lost a line")
	}
}

func TestPasswordLine(t *testing.T) {
	for in, want := range map[string]string{"secret\n": "secret", "secret\r\nmore": "secret", "two words": "two words"} {
		if got, err := passwordLine(strings.NewReader(in)); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "\n"} {
		if _, err := passwordLine(strings.NewReader(in)); err == nil {
			t.Errorf("%q was accepted", in)
		}
	}
}

// TestServeOpensEachDoorOfItsConfiguration starts a node as `usher serve` does, on free ports.
func TestServeOpensEachDoorOfItsConfiguration(t *testing.T) {
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
		"listen": "localhost:0", "insecure_plaintext_listener": "localhost:0", "metrics_listen": "localhost:0", "admin_listen": "localhost:0", "shutdown_delay": "0s",
		"tls_cert_file": path(leafCertFile), "tls_key_file": path(leafKeyFile),
		"master_key_file": path("master.key"), "database": "sqlite:" + path("usher.db"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	master, err := masterOf(c)
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
	const jwks = "/oauth/v2/oauth-anonymous/jwks"
	client := browser(&demo{ca: ca})
	for _, url := range []string{
		"https://" + local(n.door("listen").port()) + jwks,
		"http://" + local(n.door("insecure_plaintext_listener").port()) + jwks,
		"http://" + local(n.metrics.port()) + "/metrics",
		"http://" + local(n.metrics.port()) + "/readyz",
		"http://" + local(n.metrics.port()) + "/healthz",
	} {
		if r, body := get(t, client, url); r.StatusCode != http.StatusOK || body == "" {
			t.Errorf("%s: %d %s", url, r.StatusCode, body)
		}
	}
	// The admin pages are at their own name, on their own door only.
	r, err := http.NewRequest(http.MethodGet, "https://"+local(n.door("admin_listen").port())+"/admin/api/v1/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "localhost:6749"
	if answer, err := client.Do(r); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("admin: %v %v", answer, err)
	}
	if r, _ := get(t, client, "https://"+local(n.door("listen").port())+"/admin"); r.StatusCode != http.StatusNotFound {
		t.Errorf("/admin on the public door: %d", r.StatusCode)
	}
	// The operator's addresses are on the operator's door only.
	if r, _ := get(t, client, "https://"+local(n.door("listen").port())+"/metrics"); r.StatusCode != http.StatusNotFound {
		t.Errorf("/metrics on the public door: %d", r.StatusCode)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
