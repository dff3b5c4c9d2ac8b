// Package config is what an operator sets for one node: where it listens, which database it uses, where
// its master key is, whom it trusts. What all nodes share (clients, profile, keys) is in the store.
//
// A value comes from the defaults, a YAML file, the environment and the command line, each stronger
// than the one before. One key has one name with three spellings: `tls_cert_file` in the file,
// USHER_TLS_CERT_FILE in the environment, --tls-cert-file as a flag. Load reports every fault at once,
// each with where the value came from and what to do about it. Secrets are never flags: other users
// of a machine can read a command line.
package config

import (
	"log/slog"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"time"
)

// Off is what an address is set to so that nothing listens there.
const Off = "off"

// Config is the configuration of a node. The tags are its only documentation: `key` is the name,
// `default` the default in its text form, `help` the words that --help and the reference show.
type Config struct {
	BaseURL string `key:"base_url" default:"https://localhost:8443" help:"The address under which browsers reach this server: https://host[:port], without a slash at the end."`

	Listen      string `key:"listen" default:"localhost:8443" help:"Address of the TLS listener, as host:port or :port; 'off' for none."`
	TLSCertFile string `key:"tls_cert_file" help:"PEM file with the certificate chain of the TLS listener; read again when it changes."`
	TLSKeyFile  string `key:"tls_key_file" help:"PEM file with the private key of the certificate; read again when it changes."`

	ProxyListen    string         `key:"proxy_listen" default:"off" help:"Address of a listener without TLS for a reverse proxy: it serves only peers in trusted_proxies, and only what they say came by https (X-Forwarded-Proto)."`
	TrustedProxies []netip.Prefix `key:"trusted_proxies" help:"Addresses or networks (10.0.0.0/24) whose forwarded headers are believed."`

	AdminListen      string `key:"admin_listen" default:"localhost:6749" help:"Address of the TLS listener of the admin pages and API, with the certificate of tls_cert_file; 'off' for none. Without a certificate there is none, unless it is asked for."`
	AdminBaseURL     string `key:"admin_base_url" default:"https://localhost:6749" help:"The address under which operators reach the admin pages: https://host[:port], without a slash at the end; the same on all nodes. No other name is answered there."`
	AdminProxyListen string `key:"admin_proxy_listen" default:"off" help:"Address of a listener without TLS for a reverse proxy before the admin pages, as proxy_listen is for the others. The proxy has to hand on the Host header."`

	MTLSListen  string `key:"mtls_listen" default:"off" help:"Address of a TLS listener that asks for client certificates, for clients that authenticate or bind tokens by one (RFC 8705); it serves no page, and has the certificate of tls_cert_file. 'off' for none."`
	MTLSBaseURL string `key:"mtls_base_url" help:"The address under which clients reach mtls_listen, as in https://mtls.login.example.com: published as mtls_endpoint_aliases. TLS must not end before it."`
	MTLSCAFile  string `key:"mtls_ca_file" help:"PEM file with the CAs that issue the certificates of clients with tls_client_auth; clients with self-signed certificates need none."`

	OutboundCAFile   string         `key:"outbound_ca_file" help:"PEM file with more CAs to trust, beside the system's, when this server fetches documents of clients (jwks_uri, request_uri) or tells them of a logout."`
	OutboundNetworks []netip.Prefix `key:"outbound_networks" help:"Networks without public addresses (10.0.0.0/8) where such documents and clients may be all the same. Without, only public addresses are asked."`

	Database      string `key:"database" default:"sqlite:usher.db" help:"The database: sqlite:PATH, or postgres://user@host/name. A password belongs in the file, in USHER_DATABASE or in PGPASSFILE, never in a flag."`
	MasterKeyFile string `key:"master_key_file" help:"File with the master key that wraps all other keys, mode 0600; make one with 'usher keys new-master FILE'. The alternative is USHER_MASTER_KEY in the environment."`

	MetricsListen string `key:"metrics_listen" default:"localhost:8444" help:"Address of the listener for /metrics, /healthz and /readyz, without TLS, on loopback; 'off' for none."`

	LogFormat string     `key:"log_format" default:"text" help:"Form of the log on standard error: text or json."`
	LogLevel  slog.Level `key:"log_level" default:"info" help:"Least level that is logged: debug, info, warn or error."`

	ShutdownDelay time.Duration `key:"shutdown_delay" default:"5s" help:"How long a stopping node still serves after /readyz says no, so that load balancers and clients go elsewhere. Each answer then says that its connection ends."`
	ShutdownGrace time.Duration `key:"shutdown_grace" default:"15s" help:"How long a stopping node waits for what is under way."`
	AuditKeepDays int           `key:"audit_keep_days" default:"365" help:"Days after which audit records are deleted."`

	InsecurePlaintextListener string `key:"insecure_plaintext_listener" default:"off" help:"INSECURE: address of a listener without TLS, on loopback only, for development."`
	InsecureMetricsAnyAddress bool   `key:"insecure_metrics_any_address" default:"false" help:"INSECURE: lets metrics_listen be an address that is not loopback; anybody who reaches it can read the metrics."`
	InsecureAnyOrigin         bool   `key:"insecure_any_origin" default:"false" help:"INSECURE: lets a client allow the origin *, or http on a host that is not loopback. Every site could then receive its users' tokens."`

	masterKey string            // from the environment only
	origin    map[string]string // by key, as in faults
}

// MasterKey returns the text of the master key, from the environment or its file.
func (c *Config) MasterKey() (string, error) {
	if c.masterKey != "" {
		return c.masterKey, nil
	}
	if c.MasterKeyFile == "" {
		return "", Faults{noMasterKey()}
	}
	if f := checkPrivateFile(c.MasterKeyFile); f != "" {
		return "", Faults{{Key: "master_key_file", Problem: f, Fix: fixPrivate(c.MasterKeyFile)}}
	}
	text, err := os.ReadFile(c.MasterKeyFile)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(text)), nil
}

// InsecureSettings names the unsafe switches that are on, so that the log can say so.
func (c *Config) InsecureSettings() []string {
	var on []string
	for i, f := range Fields() {
		if !strings.HasPrefix(f.Key, "insecure_") {
			continue
		}
		v := reflect.ValueOf(c).Elem().Field(f.index)
		if v.Kind() == reflect.Bool && v.Bool() || v.Kind() == reflect.String && v.String() != Off && v.String() != "" {
			on = append(on, Fields()[i].Key)
		}
	}
	return on
}

// Field describes one key, for help texts and flags.
type Field struct {
	Key     string
	Default string
	Help    string
	index   int
}

// Env is the name of the environment variable.
func (f Field) Env() string { return envPrefix + strings.ToUpper(f.Key) }

// Flag is the name of the command-line flag.
func (f Field) Flag() string { return strings.ReplaceAll(f.Key, "_", "-") }

// Fields lists every key in the order in which people read them.
func Fields() []Field {
	t := reflect.TypeFor[Config]()
	var fields []Field
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("key"); key != "" {
			fields = append(fields, Field{
				Key: key, Default: t.Field(i).Tag.Get("default"), Help: t.Field(i).Tag.Get("help"), index: i,
			})
		}
	}
	return fields
}

// Example is a configuration file with every key, its words and its default.
func Example() string {
	var b strings.Builder
	b.WriteString("# Configuration of usher. What is commented out has the value shown.\n")
	for _, f := range Fields() {
		b.WriteString("\n")
		for line := range strings.SplitSeq(wrap(f.Help, 96), "\n") {
			b.WriteString("# " + line + "\n")
		}
		b.WriteString("#" + f.Key + ": " + f.Default + "\n")
	}
	return b.String()
}

// wrap breaks text at spaces so that lines stay within width where words allow.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
