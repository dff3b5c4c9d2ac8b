package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"time"
)

// certificate judges the certificate of every TLS listener.
func (v *validator) certificate() {
	admin := v.HasAdmin() && on(v.AdminListen)
	if !on(v.Listen) && !on(v.MTLSListen) && !admin {
		return
	}
	if v.TLSCertFile != "" && v.TLSKeyFile != "" {
		_, faults := v.ReadCertificate(time.Now())
		for _, f := range faults {
			f.Origin = v.origin[f.Key]
			v.faults = append(v.faults, f)
		}
		return
	}
	if !on(v.Listen) {
		if admin {
			v.fault("tls_cert_file", "name both PEM files, or set admin_listen to off", "admin_listen has no certificate and key")
		}
		if on(v.MTLSListen) {
			v.fault("tls_cert_file", "name both PEM files", "mtls_listen has no certificate and key")
		}
		return
	}
	const fix = "name both PEM files; to try usher out without any, run 'usher demo'"
	if v.TLSCertFile == "" {
		v.fault("tls_cert_file", fix, "the TLS listener has no certificate")
	}
	if v.TLSKeyFile == "" {
		v.fault("tls_key_file", fix, "the TLS listener has no private key")
	}
}

// ReadCertificate reads the certificate of the TLS listeners with its key and says everything that is wrong with it: the
// same at the start, in check-config, and when the files change.
func (c *Config) ReadCertificate(now time.Time) (*tls.Certificate, Faults) {
	const fix = "name a PEM chain that begins with the server's certificate, and its private key"
	pair, err := tls.LoadX509KeyPair(c.TLSCertFile, c.TLSKeyFile)
	if err != nil {
		return nil, Faults{{Key: "tls_cert_file", Problem: fmt.Sprintf("certificate and key cannot be used: %v", err), Fix: fix}}
	}
	var faults Faults
	fault := func(fix, problem string, args ...any) {
		faults = append(faults, Fault{Key: "tls_cert_file", Problem: fmt.Sprintf(problem, args...), Fix: fix})
	}
	if now.After(pair.Leaf.NotAfter) {
		fault("renew the certificate", "the certificate expired on %s", day(pair.Leaf.NotAfter))
	}
	if now.Before(pair.Leaf.NotBefore) {
		fault("wait until then, or correct this machine's clock", "the certificate is valid from %s on",
			pair.Leaf.NotBefore.UTC().Format(time.DateTime+" UTC"))
	}
	if err := inOrder(pair.Certificate); err != nil {
		fault("let each certificate be followed by that of its issuer", "the chain cannot be used: %v", err)
	}
	for _, setting := range c.certificateFor() {
		key, address := setting[0], setting[1]
		u, err := url.Parse(address)
		if err == nil && u.Hostname() != "" && pair.Leaf.VerifyHostname(u.Hostname()) != nil {
			fault("use a certificate for "+u.Hostname()+" as well, or correct "+key,
				"the certificate is not for the host of %s (%s)", key, u.Hostname())
		}
	}
	return &pair, faults
}

// certificateFor lists the addresses whose hosts the certificate has to be for, by their settings. The admin address is
// among them where it was given: the default is this machine's, for which hardly a certificate is made.
func (c *Config) certificateFor() (all [][2]string) {
	if on(c.Listen) {
		all = append(all, [2]string{"base_url", c.BaseURL})
	}
	if on(c.AdminListen) && c.origin["admin_base_url"] != originDefault {
		all = append(all, [2]string{"admin_base_url", c.AdminBaseURL})
	}
	if on(c.MTLSListen) {
		all = append(all, [2]string{"mtls_base_url", c.MTLSBaseURL})
	}
	return all
}

// inOrder demands that each certificate of a chain is followed by its issuer's (RFC 5246 §7.4.2).
func inOrder(chain [][]byte) error {
	var before *x509.Certificate
	for i, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("certificate %d: %w", i+1, err)
		}
		if before != nil && !bytes.Equal(before.RawIssuer, cert.RawSubject) {
			return fmt.Errorf("certificate %d (%s) is not that of the issuer of certificate %d (%s)",
				i+1, cert.Subject, i, before.Issuer)
		}
		before = cert
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Validity is how long the certificates of a file are good.
type Validity struct {
	Key string // the setting that names the file
	End time.Time
}

// ChainEnd is when the first certificate of a chain ends; clients need them all.
func ChainEnd(pair *tls.Certificate) time.Time {
	end := pair.Leaf.NotAfter
	for _, der := range pair.Certificate[1:] {
		if cert, err := x509.ParseCertificate(der); err == nil && cert.NotAfter.Before(end) {
			end = cert.NotAfter
		}
	}
	return end
}

// Validities lists how long the certificates are good that the configuration names: those of the TLS listeners, and of CAs.
// What cannot be read is left out; Load says that.
func (c *Config) Validities() (list []Validity) {
	if pair, err := tls.LoadX509KeyPair(c.TLSCertFile, c.TLSKeyFile); err == nil {
		list = append(list, Validity{"tls_cert_file", ChainEnd(&pair)})
	}
	for _, file := range []struct{ key, path string }{
		{"mtls_ca_file", c.MTLSCAFile}, {"outbound_ca_file", c.OutboundCAFile},
	} {
		text, err := readLimited(file.path)
		if err != nil {
			continue
		}
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
				list = append(list, Validity{file.key, cert.NotAfter})
			}
		}
	}
	return list
}

// Stage says how near the end is; each stage is announced.
type Stage int

// The stages of a certificate's last days.
const (
	StageFar     Stage = iota // more than 30 days
	StageMonth                // at most 30 days
	StageTwoWeek              // at most 14
	StageLast                 // at most 3
	StageOver
)

// Stage tells how near the end is.
func (v Validity) Stage(now time.Time) Stage {
	const day = 24 * time.Hour
	switch left := v.End.Sub(now); {
	case left <= 0:
		return StageOver
	case left <= 3*day:
		return StageLast
	case left <= 14*day:
		return StageTwoWeek
	case left <= 30*day:
		return StageMonth
	}
	return StageFar
}

// Warning says that the end is near; empty while it is far.
func (v Validity) Warning(now time.Time) string {
	switch left := int(v.End.Sub(now) / (24 * time.Hour)); v.Stage(now) {
	case StageFar:
		return ""
	case StageOver:
		return fmt.Sprintf("%s: a certificate expired on %s; renew it", v.Key, day(v.End))
	case StageLast:
		return fmt.Sprintf("%s: a certificate expires at %s; renew it now", v.Key, v.End.UTC().Format(time.DateTime+" UTC"))
	default:
		return fmt.Sprintf("%s: a certificate expires on %s, in %d days; renew it", v.Key, day(v.End), left)
	}
}
