package web

import (
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
)

// SignedOut is the end of a sign-out. Its frames tell the clients (OpenID Connect Front-Channel Logout §2); then it
// goes on, tells the app that framed it, or stays.
type SignedOut struct {
	Frames []oauth.LogoutFrame
	// Next is where the browser goes from here, if anywhere.
	Next oauth.ValidRedirect
	// Stays: it goes there only by the user's click.
	Stays bool
	// Again starts a new sign-in at the client, where that is known and has such an address.
	Again  oauth.ValidRedirect
	Client string
	// Tells: the page is in an app's frame, whose library waits for the word that the session is over.
	Tells bool
}

func (SignedOut) template() (string, string) { return "signedout.html", "Signed out" }

// NextURL and AgainURL are whole addresses that were validated: private-use schemes are fine (RFC 8252 §7.1).
func (v SignedOut) NextURL() template.URL { return template.URL(v.Next.String()) }

// AgainURL is like NextURL.
func (v SignedOut) AgainURL() template.URL { return template.URL(v.Again.String()) }

// allowFrames adds to a page's policy what may be framed in it: these very origins.
func allowFrames(h http.Header, frames []oauth.LogoutFrame) {
	if len(frames) == 0 {
		return
	}
	var origins []string
	for _, f := range frames {
		origins = append(origins, f.Origin)
	}
	slices.Sort(origins)
	sources := "; frame-src " + strings.Join(slices.Compact(origins), " ")
	csp := h["Content-Security-Policy"][0]
	at := strings.LastIndex(csp, "; frame-ancestors ")
	h["Content-Security-Policy"] = []string{csp[:at] + sources + csp[at:]}
}
