package config

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// validator holds the values against each other and against the files they name.
type validator struct {
	*Config
	origin map[string]string
	faults Faults
}

func (v *validator) all() {
	v.baseURL()
	v.admin()
	v.listeners()
	v.certificate()
	v.mtls()
	v.outbound()
	v.proxies()
	v.database()
	v.masterKeySource()
	v.rest()
}

func (v *validator) storage() {
	v.database()
	if v.masterKey != "" || v.MasterKeyFile != "" {
		v.masterKeySource()
	}
}

func (v *validator) fault(key, fix, problem string, args ...any) {
	v.faults = append(v.faults, Fault{Key: key, Origin: v.origin[key], Problem: fmt.Sprintf(problem, args...), Fix: fix})
}

func (v *validator) baseURL() {
	u := v.publicAddress("base_url", v.BaseURL, "write it as in https://login.example.com or https://localhost:8443")
	switch {
	case u == nil:
	case u.Scheme == "http" && !v.plaintext():
		v.fault("base_url", "write https; TLS may also end at a proxy (proxy_listen)", "%q is not https", v.BaseURL)
	case u.Scheme == "http" && !loopbackHost(u.Hostname()):
		v.fault("base_url", "use localhost; http is for development on this machine only", "%q is not https, and its host is not loopback", v.BaseURL)
	}
}

// publicAddress judges an address under which browsers come; nil where it is none.
func (v *validator) publicAddress(key, address, fix string) *url.URL {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		v.fault(key, fix, "%q is not a web address", address)
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.ContainsAny(address, "?#"):
		v.fault(key, fix, "%q has more than scheme, host and port", address)
	case strings.ToLower(u.Host) != u.Host || strings.HasSuffix(u.Host, ":") || u.Port() == "443" && u.Scheme == "https":
		v.fault(key, "write the host in lower case and leave the default port out", "%q is not in the form in which browsers write it", address)
	default:
		return u
	}
	return nil
}

// mtls judges the listener for client certificates. A proxy that ends TLS would end the proof with it.
func (v *validator) mtls() {
	if v.MTLSCAFile != "" {
		v.caFile("mtls_ca_file", v.MTLSCAFile)
	}
	if !on(v.MTLSListen) {
		if v.MTLSBaseURL != "" {
			v.fault("mtls_base_url", "set mtls_listen, or remove the line", "nothing listens there: mtls_listen is off")
		}
		return
	}
	const fix = "write scheme, host and port, as in https://mtls.login.example.com"
	u, err := url.Parse(v.MTLSBaseURL)
	switch {
	case v.MTLSBaseURL == "":
		v.fault("mtls_base_url", fix, "mtls_listen is on, and clients would not know its address")
	case err != nil || u.Scheme != "https" || u.Hostname() == "" || u.Scheme+"://"+u.Host != v.MTLSBaseURL:
		v.fault("mtls_base_url", fix, "%q is not an https address, or has more than host and port", v.MTLSBaseURL)
	case strings.ToLower(u.Host) != u.Host || strings.HasSuffix(u.Host, ":") || u.Port() == "443":
		v.fault("mtls_base_url", "write the host in lower case and leave the default port out", "%q is not in the form in which clients write it", v.MTLSBaseURL)
	case v.MTLSBaseURL == v.BaseURL:
		v.fault("mtls_base_url", "give it a host or port of its own", "it is also base_url, where browsers come")
	}
}

func (v *validator) outbound() {
	if v.OutboundCAFile != "" {
		v.caFile("outbound_ca_file", v.OutboundCAFile)
	}
}

// caFile judges a file of CA certificates.
func (v *validator) caFile(key, path string) {
	if _, err := readCAs(nil, path); err != nil {
		v.fault(key, "name a PEM file with one or more CA certificates", "%v", err)
	}
}

// ClientCAs reads mtls_ca_file; nil where it is not set.
func (c *Config) ClientCAs() (*x509.CertPool, error) {
	if c.MTLSCAFile == "" {
		return nil, nil
	}
	return readCAs(x509.NewCertPool(), c.MTLSCAFile)
}

// OutboundCAs reads outbound_ca_file on top of the system's CAs; nil, for those alone, where it is not set.
func (c *Config) OutboundCAs() (*x509.CertPool, error) {
	if c.OutboundCAFile == "" {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without any
	}
	return readCAs(pool, c.OutboundCAFile)
}

// readCAs adds the certificates of a file to a pool; nil makes one to throw away.
func readCAs(pool *x509.CertPool, path string) (*x509.CertPool, error) {
	if pool == nil {
		pool = x509.NewCertPool()
	}
	text, err := readLimited(path)
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return pool, nil
}

func (v *validator) plaintext() bool { return on(v.InsecurePlaintextListener) }

// on tells whether something is to listen at an address.
func on(address string) bool { return address != Off && address != "" }

func (v *validator) listeners() {
	if !on(v.Listen) && !on(v.ProxyListen) && !v.plaintext() {
		v.fault("listen", "set listen, or proxy_listen behind a proxy that ends TLS", "nothing listens: every address is off")
	}
	taken := map[string]string{}
	check := func(key, address string) (host string, ok bool) {
		if !on(address) {
			return "", false
		}
		host, port, err := net.SplitHostPort(address)
		n, numberErr := strconv.ParseUint(port, 10, 16)
		if err != nil || numberErr != nil {
			v.fault(key, "write host:port or :port, as in localhost:8443 or :8443, or 'off'", "%q is not an address to listen at", address)
			return "", false
		}
		if other, twice := taken[address]; twice && n != 0 {
			v.fault(key, "give each listener a port of its own", "%s is also the address of %s", address, other)
		}
		taken[address] = key
		return host, true
	}
	check("listen", v.Listen)
	check("admin_listen", v.AdminListen)
	check("mtls_listen", v.MTLSListen)
	check("proxy_listen", v.ProxyListen)
	check("admin_proxy_listen", v.AdminProxyListen)
	if host, ok := check("insecure_plaintext_listener", v.InsecurePlaintextListener); ok && !loopbackHost(host) {
		v.fault("insecure_plaintext_listener", "use localhost, or TLS (listen), or a proxy (proxy_listen)", "%s is not loopback: tokens would travel unencrypted", v.InsecurePlaintextListener)
	}
	if host, ok := check("metrics_listen", v.MetricsListen); ok && !loopbackHost(host) && !v.InsecureMetricsAnyAddress {
		v.fault("metrics_listen", "use localhost, or set insecure_metrics_any_address on a network where all may read them", "%s is not loopback: anybody who reaches it can read the metrics", v.MetricsListen)
	}
}

// loopbackHost tells whether a host names this machine alone. A name other than localhost is not
// resolved: what it means can change.
func loopbackHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	return host == "localhost"
}

func (v *validator) proxies() {
	for _, l := range [][2]string{{"proxy_listen", v.ProxyListen}, {"admin_proxy_listen", v.AdminProxyListen}} {
		if on(l[1]) && len(v.TrustedProxies) == 0 {
			v.fault("trusted_proxies", "list the addresses from which the proxy connects", "%s serves only trusted proxies, and there are none", l[0])
		}
	}
	for _, p := range v.TrustedProxies {
		if p.Bits() == 0 {
			v.fault("trusted_proxies", "list the proxies' own addresses", "%s would believe anybody", p)
		}
	}
}

func (v *validator) database() {
	const fix = "write sqlite:/path/to/usher.db or postgres://user@host/name"
	scheme, rest, _ := strings.Cut(v.Database, ":")
	switch {
	case scheme == "sqlite" && rest != "":
	case scheme == "postgres" || scheme == "postgresql":
		u, err := url.Parse(v.Database)
		if err != nil {
			v.fault("database", fix, "this is not a database address") // err would repeat a password
			return
		}
		_, hasPassword := u.User.Password()
		if strings.HasPrefix(v.origin["database"], "--") && (hasPassword || u.Query().Has("password")) {
			v.fault("database", "put the address into the configuration file or USHER_DATABASE, or the password into PGPASSFILE", "a password on the command line can be read by other users of this machine")
		}
	default:
		v.fault("database", fix, "this names no database that usher knows")
	}
}

func noMasterKey() Fault {
	return Fault{Key: "master_key_file", Problem: "there is no master key", Fix: "make one with 'usher keys new-master FILE' and name the file, or set USHER_MASTER_KEY"}
}

func (v *validator) masterKeySource() {
	switch {
	case v.masterKey == "" && v.MasterKeyFile == "":
		f := noMasterKey()
		v.fault(f.Key, f.Fix, "%s", f.Problem)
	case v.masterKey != "" && v.MasterKeyFile != "":
		v.fault("master_key_file", "keep one of the two", "the master key is also given by USHER_MASTER_KEY")
	case v.MasterKeyFile != "":
		if problem := checkPrivateFile(v.MasterKeyFile); problem != "" {
			v.fault("master_key_file", fixPrivate(v.MasterKeyFile), "%s", problem)
		}
	}
}

// checkPrivateFile says what is wrong with a file that only its owner may read.
func checkPrivateFile(path string) string {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Sprintf("%s cannot be read: %v", path, err)
	case !info.Mode().IsRegular():
		return path + " is not a file"
	// Windows has access lists instead of these bits.
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return fmt.Sprintf("%s can be read by others (mode %04o)", path, info.Mode().Perm())
	}
	return ""
}

func fixPrivate(path string) string {
	if _, err := os.Stat(path); err != nil {
		return "make it with: usher keys new-master " + path
	}
	return "chmod 600 " + path
}

func (v *validator) rest() {
	if v.LogFormat != "text" && v.LogFormat != "json" {
		v.fault("log_format", "write text or json", "%q is not a form of the log", v.LogFormat)
	}
	v.between("shutdown_delay", v.ShutdownDelay)
	v.between("shutdown_grace", v.ShutdownGrace)
	if v.AuditKeepDays < 1 || v.AuditKeepDays > 36500 {
		v.fault("audit_keep_days", "choose 1 to 36500", "%d is out of range", v.AuditKeepDays)
	}
}

func (v *validator) between(key string, d time.Duration) {
	if d < 0 || d > 10*time.Minute {
		v.fault(key, "choose 0s to 10m", "%s is out of range", d)
	}
}
