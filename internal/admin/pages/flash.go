package pages

import (
	"net/http"
	"net/url"

	"github.com/usher-id/usher/internal/admin/route"
)

// done are the texts about what a form did. The address names one of them and never brings its own: else anybody could
// make this server say something.
var done = map[string]string{
	"saved":              "Saved. It is in force on every node within two seconds.",
	"created":            "Created.",
	"removed":            "Removed.",
	"released":           "Released. It can be changed here now.",
	"undone":             "Undone. That is a change of its own, so it can be undone as well.",
	"locked":             "Locked. The user is signed out everywhere.",
	"unlocked":           "Unlocked. The user can sign in again.",
	"throttle-released":  "The wrong guesses are forgotten. The user can try again on every network.",
	"password":           "The password is set. The user is signed out everywhere.",
	"session-ended":      "The session ended, and with it what clients were given in it.",
	"sessions-ended":     "Every session of this account ended.",
	"delegation-ended":   "The delegation ended. Its tokens are worth nothing.",
	"consent-withdrawn":  "The consent is withdrawn. The client's tokens for this user are worth nothing.",
	"keys-rotated":       "New keys are published. They come into force when everybody who caches the old ones knows them.",
	"keys-there-already": "Every current key has a successor already.",
	"key-revoked":        "The key is revoked. What was made with it is worth nothing.",
	"role-set":           "The role is set.",
	"operator-removed":   "The role is taken away. The account stays.",
	"applied":            "Applied.",
	"scope-added":        "The scope is added.",
	"scope-removed":      "The scope is removed.",
	"trial":              "This origin is allowed for the client for ten minutes.",
	"nothing":            "Nothing was changed: everything is as it was.",
}

// doneText is what the address says that a form did.
func doneText(u *url.URL) string { return done[u.Query().Get("done")] }

// redirect leads on after a form, so that a reload does not send it again. The code is a key of done, or empty.
func redirect(c *route.Call, to, code string) error {
	if code != "" {
		if u, err := url.Parse(to); err == nil {
			q := u.Query()
			q.Set("done", code)
			u.RawQuery = q.Encode()
			to = u.String()
		}
	}
	c.W.Header().Set("Cache-Control", "no-store")
	http.Redirect(c.W, c.R, to, http.StatusSeeOther)
	return nil
}
