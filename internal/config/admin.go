package config

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
	}
}
