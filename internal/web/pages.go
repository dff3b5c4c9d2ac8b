package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static/page.css
var styleSheet []byte

//go:embed static/page.js
var pageScript []byte

// StaticPath is where both doors serve the pages' style and script. The names carry a hash of the
// content, so a browser may keep them for ever.
const StaticPath = "/authn/resources/"

var (
	styleName  = hashedName("page", styleSheet, ".css")
	scriptName = hashedName("page", pageScript, ".js")
	templates  = template.Must(template.ParseFS(templateFiles, "templates/*.html"))
)

func hashedName(name string, content []byte, ext string) string {
	sum := sha256.Sum256(content)
	return name + "-" + hex.EncodeToString(sum[:6]) + ext
}

// ETag is a strong validator of fixed content (RFC 9110 §8.8.3).
func ETag(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// Static serves the pages' own style and script.
func Static(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	switch strings.TrimPrefix(r.URL.Path, StaticPath) {
	case styleName:
		h.Set("Content-Type", "text/css; charset=utf-8")
		w.Write(styleSheet)
	case scriptName:
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		w.Write(pageScript)
	default:
		h.Del("Cache-Control")
		http.NotFound(w, r)
	}
}

// View is what a page shows; its type names the template.
type View interface{ template() (file, title string) }

// About is what a client tells of itself, beside its name: links, each empty where there is none.
type About struct{ Home, Policy, Terms string }

// targeted is a view with a form whose answer may send the browser on to a client: Target.
type targeted interface{ target() oauth.ValidRedirect }

// SignIn asks for user name and password.
type SignIn struct {
	Flow     string
	Client   string
	Username string
	Error    string
	Fields   bool // the error concerns what was typed
	About    About
	Target   oauth.ValidRedirect
	// Open is the address of a window to go on in, which the page of a frame offers where our first-party cookies do not reach
	// it; StorageAccess is what the browser said of them. Both are empty where there is no such offer.
	Open          string
	StorageAccess string
	// Opener is the origin of the app that opened this window, which learns that the window is there; empty for none.
	Opener string
}

// SelectAccount asks whether to go on with the account that is signed in.
type SelectAccount struct {
	Flow   string
	Client string
	User   string
	// Subject names the account that was shown; the choice counts for nobody else.
	Subject string
	Target  oauth.ValidRedirect
}

// Consent asks whether the client may have the scopes.
type Consent struct {
	Flow   string
	Client string
	User   string
	// Subject names the account that was asked; the decision counts for nobody else.
	Subject string
	Scopes  []oauth.Scope
	// ClientID is shown beside the name, which the client's owner chose.
	ClientID  string
	About     About
	Target    oauth.ValidRedirect
	Recipient Recipient
}

// Recipient is where the answers that a user allows go to.
type Recipient struct {
	Host   string   // of this answer; empty for a device
	Others []string // further hosts that the client can receive answers at
	// Unverified warns that the client registered by itself and no operator verified it.
	Unverified bool
}

// FormPost carries an authorization response to the client as a form that its own script submits (OAuth 2.0 Form Post
// Response Mode §2).
type FormPost struct {
	Target oauth.ValidRedirect
	Fields url.Values
}

// Window offers to go on in a window of our own, where the page must not be framed.
type Window struct {
	Flow   string
	Client string
	Open   string // address of the window
}

// Done ends such a window: its script tells the opener, at our own origin, which closes it. The ticket, if any, is for that
// opener, too. Where the browser has cut the two apart, the script goes on to the app's own page, which passes the ticket on.
type Done struct {
	Ticket string
	Return string // empty where there is no such page
}

// Ticket is a hidden frame's page, which takes a ticket from the app's library and brings it here by a form.
type Ticket struct{ Flow string }

// HandOver ends a window that the app opened: its script gives the outcome to the page that opened it, at the one origin, or,
// where it has no opener any more, goes on to the app's own page.
type HandOver struct {
	Origin string
	Ticket string
	Error  *oauth.AssistedError // in the ticket's place
	Return string               // empty where there is no such page
}

// Message is what the page that opened the window gets.
func (v HandOver) Message() (string, error) {
	var message any = v.Error
	if v.Error == nil {
		message = ticketMessage{Status: "ticket", Ticket: v.Ticket}
	}
	text, err := json.Marshal(message)
	return string(text), err
}

// ticketMessage is the message of a window that ends well.
type ticketMessage struct {
	Status string `json:"status"`
	Ticket string `json:"ticket"`
}

// Resolve ends a window that the browser itself opened (FedCM): its script gives the ticket to the browser, with the account that
// it is for, or, where there is no ticket, only has the window closed.
type Resolve struct{ Ticket, Account string }

// Logout asks whether to sign out, or, with Auto, signs out by its own script.
type Logout struct {
	Auto   bool
	Fields map[string]string
	// AwaitsToken: the page is in an app's frame, whose library sends the token that names the session.
	AwaitsToken bool
	// Target is where the browser is sent after the form, if anywhere.
	Target oauth.ValidRedirect
}

// Plain is a page with one sentence or two, for errors and ends.
type Plain struct {
	Title  string
	Text   string
	Detail string
	// Retry offers to load the page again.
	Retry bool
}

func (SignIn) template() (string, string)  { return "signin.html", "Sign in" }
func (Consent) template() (string, string) { return "consent.html", "Allow access" }
func (Window) template() (string, string)  { return "window.html", "Continue in a window" }
func (Done) template() (string, string)    { return "done.html", "Signed in" }
func (Ticket) template() (string, string)  { return "ticket.html", "Answer" }
func (v Resolve) template() (string, string) {
	return "resolve.html", "Go back to the app"
}
func (v HandOver) template() (string, string) {
	if v.Error != nil {
		return "handover.html", "Not signed in"
	}
	return "handover.html", "Signed in"
}
func (Logout) template() (string, string)        { return "logout.html", "Sign out" }
func (SelectAccount) template() (string, string) { return "account.html", "Choose an account" }
func (FormPost) template() (string, string)      { return "formpost.html", "Going back to the app" }
func (p Plain) template() (string, string)       { return "plain.html", p.Title }

func (v SignIn) target() oauth.ValidRedirect        { return v.Target }
func (v SelectAccount) target() oauth.ValidRedirect { return v.Target }
func (v Consent) target() oauth.ValidRedirect       { return v.Target }
func (v Logout) target() oauth.ValidRedirect        { return v.Target }
func (v FormPost) target() oauth.ValidRedirect      { return v.Target }

// layout is what every template gets.
type layout struct {
	Title, Nonce, Style, Script string
	// Frame is the origin that may frame the page; empty for none.
	Frame string
	V     View
}

// WritePage renders a page that the frame's origin alone may show in a frame (the zero value: nobody).
func WritePage(w http.ResponseWriter, log *slog.Logger, status int, frame oauth.ValidOrigin, v View) {
	file, title := v.template()
	nonce := Nonce()
	var page bytes.Buffer
	err := templates.ExecuteTemplate(&page, file, layout{
		Title: title, Nonce: nonce, Style: StaticPath + styleName, Script: StaticPath + scriptName,
		Frame: frame.String(), V: v,
	})
	if err != nil {
		Failed(w, log, fmt.Errorf("page %s: %w", file, err))
		http.Error(w, "server_error", http.StatusInternalServerError)
		return
	}
	target, referrer := "", "same-origin"
	if t, ok := v.(targeted); ok {
		target = formTarget(t.target())
	}
	switch v.(type) {
	case FormPost, NewPassword: // what the one carries, and the address of the other, is nobody else's
		referrer = "no-referrer"
	}
	pageHeaders(w.Header(), nonce, frame, target, referrer)
	if out, ok := v.(SignedOut); ok {
		allowFrames(w.Header(), out.Frames)
	}
	if status >= http.StatusBadRequest {
		note(w, nil, &refusal{code: statusCode(status), told: problemOf(v)})
	}
	RetryLater(w.Header(), status)
	w.WriteHeader(status)
	w.Write(page.Bytes())
}

// problemOf is what a page says was wrong; empty where it says nothing of that.
func problemOf(v View) string {
	switch v := v.(type) {
	case Plain:
		return v.Text
	case SignIn:
		return v.Error
	case Device:
		return v.Error
	case NewPassword:
		return v.Error
	}
	return ""
}

// Action is where the form goes; the address was validated.
func (v FormPost) Action() template.URL { return template.URL(v.Target.String()) }

// formTarget is what form-action has to allow besides ourselves. Chromium holds every redirect that follows a form
// against it, also those from the client's callback to the rest of its site, hence any https.
func formTarget(to oauth.ValidRedirect) string {
	source := to.Source()
	switch {
	case source == "":
		return ""
	case strings.HasPrefix(source, "https:"):
		return "https:"
	}
	return source + " https:"
}

// WriteErrorPage answers on our own plain page, which nobody may frame and which posts nothing: for errors
// whose answer has no validated place to go to.
func WriteErrorPage(w http.ResponseWriter, log *slog.Logger, e *oauth.Error) {
	e = Refused(w, log, e)
	page := Plain{
		Title: "This request cannot be answered", Text: e.Description, Detail: "Error code: " + string(e.Code),
	}
	if e.Code == oauth.TemporarilyUnavailable {
		page.Title, page.Retry = "Temporarily unavailable", true
	}
	WritePage(w, log, StatusOf(e.Code), frameNobody, page)
}
