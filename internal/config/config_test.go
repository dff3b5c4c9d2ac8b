package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// folder is a temporary folder with a certificate for localhost and a master key.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "tls.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	write(t, dir, "tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	write(t, dir, "master.key", "the master key\n")
	return dir
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// good returns the flags of a configuration without a fault.
func good(dir string) map[string]string {
	return map[string]string{
		"tls_cert_file":   filepath.Join(dir, "tls.crt"),
		"tls_key_file":    filepath.Join(dir, "tls.key"),
		"master_key_file": filepath.Join(dir, "master.key"),
	}
}

func TestEachSourceIsStrongerThanTheOneBefore(t *testing.T) {
	dir := folder(t)
	file := write(t, dir, "usher.yaml", "listen: :1\nlog_format: json\nlog_level: debug\ntrusted_proxies: [10.0.0.1, 192.168.0.0/16]\nshutdown_grace: 3s\n")
	flags := good(dir)
	flags["listen"] = ":3"
	c, err := Load(Sources{File: file, Environ: []string{"USHER_LISTEN=:2", "USHER_LOG_LEVEL=warn", "HOME=/x"}, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":3" || c.LogLevel != slog.LevelWarn || c.LogFormat != "json" || c.ShutdownGrace != 3*time.Second || c.BaseURL != "https://localhost:8443" {
		t.Errorf("got %+v", c)
	}
	if len(c.TrustedProxies) != 2 || c.TrustedProxies[0].String() != "10.0.0.1/32" {
		t.Errorf("trusted proxies: %v", c.TrustedProxies)
	}
	key, err := c.MasterKey()
	if err != nil || key != "the master key" {
		t.Errorf("master key %q, %v", key, err)
	}
}

func TestAllFaultsAreReportedAtOnceWithTheirOrigin(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "usher.yaml", "base_ulr: https://x\nlog_level: loud\n\nshutdown_grace: 15\nmaster_key: abc\n")
	_, err := Load(Sources{File: file, Environ: []string{"USHER_LISTEN=nowhere"}, Flags: map[string]string{"log_format": "xml"}})
	faults, ok := err.(Faults)
	if !ok {
		t.Fatalf("got %v", err)
	}
	type line struct{ Key, Origin, Fix string }
	var got []line
	for _, f := range faults {
		got = append(got, line{f.Key, strings.ReplaceAll(f.Origin, dir+string(filepath.Separator), ""), f.Fix})
	}
	want := []line{
		{"log_level", "usher.yaml line 2", "write debug, info, warn or error"},
		{"shutdown_grace", "usher.yaml line 4", "write a number and its unit, as in 15s or 2m"},
		{"base_ulr", "usher.yaml line 1", "did you mean base_url?"},
		{"master_key", "usher.yaml line 5", "the master key itself is read from USHER_MASTER_KEY only; in the file name master_key_file"},
		{"listen", "USHER_LISTEN", "write host:port or :port, as in localhost:8443 or :8443, or 'off'"},
		{"tls_cert_file", "default", "name both PEM files; to try usher out without any, run 'usher demo'"},
		{"tls_key_file", "default", "name both PEM files; to try usher out without any, run 'usher demo'"},
		{"master_key_file", "default", "make one with 'usher keys new-master FILE' and name the file, or set USHER_MASTER_KEY"},
		{"log_format", "--log-format", "write text or json"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOneFault(t *testing.T) {
	for _, tc := range []struct{ name, key, value, want string }{
		{"path", "base_url", "https://localhost:8443/", "more than scheme"},
		{"not a URL", "base_url", "a.example", "not a web address"},
		{"upper case", "base_url", "https://LOCALHOST:8443", "lower case"},
		{"default port", "base_url", "https://localhost:443", "default port"},
		{"plain http", "base_url", "http://localhost:8443", "is not https"},
		{"other host than the certificate's", "base_url", "https://login.example.com", "not for the host of base_url"},
		{"nothing listens", "listen", "off", "nothing listens"},
		{"port", "listen", "localhost:99999", "not an address"},
		{"same port twice", "listen", "localhost:8444", "also the address"},
		{"missing certificate", "tls_cert_file", "/none.crt", "cannot be used"},
		{"proxy without trust", "proxy_listen", ":8080", "there are none"},
		{"believes all", "trusted_proxies", "0.0.0.0/0", "would believe anybody"},
		{"no network", "trusted_proxies", "10.0.0.0/99", "not an address or network"},
		{"unknown database", "database", "mysql://x", "no database that usher knows"},
		{"password in a flag", "database", "postgres://u:secret@h/d", "read by other users"},
		{"password in a flag's query", "database", "postgres://h/d?password=secret", "read by other users"},
		{"missing master key", "master_key_file", "/none.key", "cannot be read"},
		{"open metrics", "metrics_listen", ":8444", "not loopback"},
		{"open plaintext", "insecure_plaintext_listener", ":8080", "not loopback"},
		{"plaintext name", "insecure_plaintext_listener", "localhost.evil.example:1", "not loopback"},
		{"certificates without an address", "mtls_listen", ":8445", "would not know its address"},
		{"address without a listener", "mtls_base_url", "https://localhost:8445", "mtls_listen is off"},
		{"missing CAs", "mtls_ca_file", "/none.crt", "no such file"},
		{"missing CAs of others", "outbound_ca_file", "/none.crt", "no such file"},
		{"no network of others", "outbound_networks", "10.0.0.0/99", "not an address or network"},
		{"admin pages at the users' address", "admin_base_url", "https://localhost:8443", "also base_url"},
		{"admin pages by http", "admin_base_url", "http://localhost:6749", "is not https"},
		{"admin pages at a path", "admin_base_url", "https://localhost:6749/admin", "more than scheme"},
		{"admin pages at another host than the certificate's", "admin_base_url", "https://admin.example.com", "not for the host of admin_base_url"},
		{"admin pages at the users' port", "admin_listen", "localhost:8443", "also the address of listen"},
		{"admin pages behind a proxy without trust", "admin_proxy_listen", ":8080", "there are none"},
		{"grace", "shutdown_grace", "1h", "out of range"},
		{"no unit", "shutdown_delay", "7", "not a duration"},
		{"audit", "audit_keep_days", "0", "out of range"},
		{"number", "audit_keep_days", "many", "not a whole number"},
		{"switch", "insecure_any_origin", "yes", "neither true nor false"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			flags := good(folder(t))
			flags[tc.key] = tc.value
			_, err := Load(Sources{Flags: flags})
			faults, _ := err.(Faults)
			if len(faults) != 1 || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("want one fault that says %q, got: %v", tc.want, err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Error("the fault repeats a secret")
			}
			if faults[0].Fix == "" {
				t.Error("the fault says no fix")
			}
		})
	}
}

func TestListenerForClientCertificates(t *testing.T) {
	for address, want := range map[string]string{
		"https://localhost:8445":      "",
		"https://localhost:8445/":     "more than host and port",
		"https://localhost:443":       "default port",
		"http://localhost:8445":       "not an https address",
		"https://user@localhost:8445": "more than host and port",
		"https://LOCALHOST:8445":      "lower case",
		"https://localhost:8443":      "also base_url",
		"https://mtls.example:8445":   "not for the host of mtls_base_url",
	} {
		flags := good(folder(t))
		flags["mtls_listen"], flags["mtls_base_url"] = ":8445", address
		_, err := Load(Sources{Flags: flags})
		if faults, _ := err.(Faults); want == "" && err != nil || want != "" && (len(faults) != 1 || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: want %q, got: %v", address, want, err)
		}
	}
}

func TestListenerForClientCertificatesAlone(t *testing.T) {
	dir := folder(t)
	flags := map[string]string{
		"listen": "off", "proxy_listen": ":8080", "trusted_proxies": "10.0.0.1", "master_key_file": filepath.Join(dir, "master.key"),
		"mtls_listen": ":8445", "mtls_base_url": "https://localhost:8445",
	}
	if _, err := Load(Sources{Flags: flags}); err == nil || !strings.Contains(err.Error(), "mtls_listen has no certificate") {
		t.Errorf("got %v", err)
	}
}

func TestAdminPagesAreThereByDefaultWhereThereIsACertificate(t *testing.T) {
	dir := folder(t)
	c, err := Load(Sources{Flags: good(dir)})
	if err != nil || !c.HasAdmin() || c.AdminListen != "localhost:6749" || c.AdminBaseURL != "https://localhost:6749" {
		t.Errorf("%q, %v", c.AdminListen, err)
	}
	behind := map[string]string{
		"listen": "off", "proxy_listen": ":8080", "trusted_proxies": "10.0.0.1", "master_key_file": filepath.Join(dir, "master.key"),
	}
	if c, err := Load(Sources{Flags: behind}); err != nil || c.HasAdmin() {
		t.Errorf("behind a proxy: %q, %v", c.AdminListen, err)
	}
	behind["admin_listen"] = "localhost:6749"
	if _, err := Load(Sources{Flags: behind}); err == nil || !strings.Contains(err.Error(), "admin_listen has no certificate") {
		t.Errorf("asked for, without a certificate: %v", err)
	}
	behind["admin_listen"], behind["admin_proxy_listen"] = "off", ":8081"
	behind["admin_base_url"] = "https://admin.example.com"
	if c, err := Load(Sources{Flags: behind}); err != nil || !c.HasAdmin() {
		t.Errorf("behind a proxy of its own: %v", err)
	}
}

func TestSettingsAreShownWithTheirOriginAndNoPassword(t *testing.T) {
	dir := folder(t)
	file := write(t, dir, "usher.yaml", "log_level: warn\ndatabase: postgres://usher:hunter2@db/usher?sslpassword=hunter2\ntrusted_proxies: [10.0.0.1]\n")
	flags := good(dir)
	flags["insecure_any_origin"] = "true"
	c, err := Load(Sources{File: file, Environ: []string{"USHER_LOG_FORMAT=json"}, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]Setting{}
	for _, s := range c.Settings() {
		s.Help = ""
		shown[s.Key] = s
		if strings.Contains(s.Value, "hunter2") || strings.Contains(s.Value, "the master key") {
			t.Errorf("%s shows a secret: %s", s.Key, s.Value)
		}
	}
	for _, want := range []Setting{
		{Key: "log_level", Value: "warn", Default: "info", Origin: "file"},
		{Key: "log_format", Value: "json", Default: "text", Origin: "environment"},
		{Key: "insecure_any_origin", Value: "true", Default: "false", Origin: "flag", Insecure: true},
		{Key: "trusted_proxies", Value: "10.0.0.1/32", Origin: "file"},
		{Key: "shutdown_grace", Value: "15s", Default: "15s", Origin: "default"},
		{Key: "admin_listen", Value: "localhost:6749", Default: "localhost:6749", Origin: "default"},
	} {
		if diff := cmp.Diff(want, shown[want.Key]); diff != "" {
			t.Error(diff)
		}
	}
	if len(shown) != len(Fields()) {
		t.Errorf("%d of %d settings", len(shown), len(Fields()))
	}
	made := Config{BaseURL: "https://localhost:9443"}
	for _, s := range made.Settings() {
		if want := map[bool]string{true: "flag", false: "default"}[s.Key == "base_url"]; s.Origin != want {
			t.Errorf("a configuration that a command made: %+v", s)
		}
	}
}

func TestFilesOfCAs(t *testing.T) {
	dir := folder(t)
	flags := good(dir)
	flags["mtls_ca_file"], flags["outbound_ca_file"] = flags["tls_cert_file"], flags["tls_cert_file"]
	c, err := Load(Sources{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCertFile, c.TLSKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	only := x509.NewCertPool()
	only.AddCert(pair.Leaf)
	if clients, err := c.ClientCAs(); err != nil || !clients.Equal(only) {
		t.Errorf("the CAs of clients are others than those of the file (%v)", err)
	}
	if others, err := c.OutboundCAs(); err != nil || others == nil {
		t.Errorf("the CAs of others: %v", err)
	}
	flags["mtls_ca_file"] = flags["tls_key_file"]
	if _, err := Load(Sources{Flags: flags}); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Errorf("a file without certificates: %v", err)
	}
}

func TestMasterKeyReadableByOthersIsRefused(t *testing.T) {
	dir := folder(t)
	if err := os.Chmod(filepath.Join(dir, "master.key"), 0o640); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Sources{Flags: good(dir)})
	if err == nil || !strings.Contains(err.Error(), "mode 0640") || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v", err)
	}
}

func TestMasterKeyFromTwoPlacesIsRefused(t *testing.T) {
	_, err := Load(Sources{Flags: good(folder(t)), Environ: []string{"USHER_MASTER_KEY=abc"}})
	if err == nil || !strings.Contains(err.Error(), "keep one of the two") {
		t.Errorf("got %v", err)
	}
}

func TestStorageCommandsNeedNoCertificate(t *testing.T) {
	c, err := LoadStorage(Sources{Flags: map[string]string{"database": "sqlite:x.db"}})
	if err != nil || c.Database != "sqlite:x.db" {
		t.Fatalf("got %+v, %v", c, err)
	}
	if _, err := c.MasterKey(); err == nil || !strings.Contains(err.Error(), "new-master") {
		t.Errorf("got %v", err)
	}
}

func TestInsecureSettingsAreNamed(t *testing.T) {
	flags := good(folder(t))
	flags["insecure_any_origin"], flags["insecure_plaintext_listener"] = "true", "localhost:8080"
	c, err := Load(Sources{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"insecure_plaintext_listener", "insecure_any_origin"}, c.InsecureSettings()); diff != "" {
		t.Error(diff)
	}
}

func TestExampleIsAFileWithEveryKey(t *testing.T) {
	text := strings.ReplaceAll(Example(), "\n#", "\n")
	for _, f := range Fields() {
		if f.Help == "" {
			t.Errorf("%s has no words", f.Key)
		}
		if !strings.Contains(text, "\n"+f.Key+": ") {
			t.Errorf("%s is missing", f.Key)
		}
	}
	if _, lines, err := parseFile([]byte(Example())); err != nil || len(lines) != 0 {
		t.Errorf("the example itself: %v, %v", lines, err)
	}
}

func FuzzConfigFile(f *testing.F) {
	f.Add([]byte("listen: :8443\ntrusted_proxies: [10.0.0.0/8]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("? [x]\n: 1\n<<: {listen: 1}\n"))
	f.Add([]byte("shutdown_grace: 2001-01-01\nlisten:\ninsecure_any_origin: yes\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := load(Sources{}, func(v *validator) {})
		if err != nil {
			t.Fatal(err)
		}
		l := newLoader()
		l.readText("fuzz.yaml", text)
		l.decode(&c)
		v := validator{Config: &c, origin: l.origin}
		v.baseURL()
		v.listeners()
		v.proxies()
		if len(l.faults)+len(v.faults) > 0 {
			return
		}
		if !strings.HasPrefix(c.BaseURL, "https://") && c.InsecurePlaintextListener == Off {
			t.Errorf("accepted base_url %q", c.BaseURL)
		}
		if on(c.ProxyListen) && len(c.TrustedProxies) == 0 {
			t.Error("accepted a proxy listener that trusts nobody")
		}
	})
}
