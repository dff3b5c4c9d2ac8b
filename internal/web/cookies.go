package web

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"
)

// Cookie is one of our cookies. All carry the __Host- prefix (RFC 6265bis §4.1.3.2): Secure, no Domain,
// Path=/, so that no other host can plant one. Those of the runtime are SameSite=None, since apps frame us from other sites; what
// that would open is closed by http.CrossOriginProtection and the Sec-Fetch-Dest rule.
type Cookie struct {
	Name string
	// Partitioned keys the cookie to the site of the framing app as well (CHIPS).
	Partitioned bool
	// Readable lets the script of our own pages read the cookie: for what is no secret.
	Readable bool
	// SameSite is None where zero: a cookie that no frame of another site needs says more.
	SameSite http.SameSite
	// Lifetime keeps the cookie over a restart of the browser; 0 ends with it.
	Lifetime time.Duration
}

// Set sends the cookie with a value.
func (c Cookie) Set(w http.ResponseWriter, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: c.Name, Value: value, Path: "/", Secure: true, HttpOnly: !c.Readable,
		SameSite: c.sameSite(), Partitioned: c.Partitioned, MaxAge: int(c.Lifetime / time.Second),
	})
}

// Clear removes the cookie from the browser.
func (c Cookie) Clear(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{
		Name: c.Name, Path: "/", Secure: true, HttpOnly: !c.Readable,
		SameSite: c.sameSite(), Partitioned: c.Partitioned, MaxAge: -1,
	})
}

func (c Cookie) sameSite() http.SameSite {
	if c.SameSite == 0 {
		return http.SameSiteNoneMode
	}
	return c.SameSite
}

// Read returns the cookie's value; empty where the browser sent none.
func (c Cookie) Read(r *http.Request) string {
	sent, err := r.Cookie(c.Name)
	if err != nil {
		return ""
	}
	return sent.Value
}

// NewSecret makes a 256-bit secret for a cookie; the store keeps HashSecret of it.
func NewSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// HashSecret is the SHA-256 under which a generated secret is stored and found.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
