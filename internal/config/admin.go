package config

import (
	"crypto/tls"
	"net/url"
)

// HasAdmin tells whether this node serves the admin pages.
func (c *Config) HasAdmin() bool { return on(c.AdminListen) || on(c.AdminProxyListen) }

// adminNeedsCertificate takes the listener of the admin pages back where nobody asked for it and TLS ends elsewhere: it is
// there by default, and a node behind a proxy would not start for want of a certificate.
func (c *Config) adminNeedsCertificate() {
	if c.origin["admin_listen"] == originDefault && !on(c.Listen) && c.TLSCertFile == "" && c.TLSKeyFile == "" {
		c.AdminListen = Off
	}
}

// admin judges the address of the admin pages. The sign-in there is by this server itself, so the two must be told apart.
func (v *validator) admin() {
	if !v.HasAdmin() {
		return
	}
	const key = "admin_base_url"
	u := v.publicAddress(key, v.AdminBaseURL, "write it as in https://admin.example.com or https://localhost:6749")
	switch {
	case u == nil:
	case u.Scheme != "https":
		v.fault(key, "write https; TLS may also end at a proxy (admin_proxy_listen)", "%q is not https", v.AdminBaseURL)
	case v.AdminBaseURL == v.BaseURL:
		v.fault(key, "give it a host or port of its own", "it is also base_url, where users come")
	default:
		v.adminCertificate(u)
	}
}

// adminCertificate holds the certificate against an address that was given. The one by default is this machine's, for which
// hardly a certificate is made: browsers say so, and the operator of the machine goes on.
func (v *validator) adminCertificate(u *url.URL) {
	if !on(v.AdminListen) {
		return
	}
	if v.TLSCertFile == "" || v.TLSKeyFile == "" {
		if !on(v.Listen) { // else it is said
			v.fault("tls_cert_file", "name both PEM files, or set admin_listen to off", "admin_listen has no certificate and key")
		}
		return
	}
	pair, err := tls.LoadX509KeyPair(v.TLSCertFile, v.TLSKeyFile)
	if err == nil && v.origin["admin_base_url"] != originDefault && pair.Leaf.VerifyHostname(u.Hostname()) != nil {
		v.fault("tls_cert_file", "use a certificate for both hosts, or correct admin_base_url", "the certificate is not for the host of admin_base_url (%s)", u.Hostname())
	}
}
