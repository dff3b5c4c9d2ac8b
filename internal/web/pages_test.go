package web_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

// views is every view, with the same text in every field.
func views(text string) map[string]web.View {
	return map[string]web.View{
		"sign in":            web.SignIn{Flow: text, Client: text, Username: text, Error: text},
		"sign in, wrong":     web.SignIn{Flow: text, Client: text, Username: text, Error: text, Fields: true},
		"sign in, anew":      web.SignIn{Flow: text, Client: text},
		"consent":            web.Consent{Flow: text, Client: text, User: text, Subject: text, ClientID: text, Scopes: []oauth.Scope{{Name: text, Description: text}, {Name: text}}},
		"consent to nothing": web.Consent{Flow: text, Client: text, User: text, Subject: text, ClientID: text},
		"window":             web.Window{Flow: text, Client: text, Open: text},
		"done":               web.Done{},
		"resolve":            web.Resolve{Ticket: text, Account: text},
		"sign in, no client": web.SignIn{Flow: text},
		"logout":             web.Logout{Fields: map[string]string{"state": text, text: text}},
		"logout by itself":   web.Logout{Auto: true, Fields: map[string]string{"state": text}},
		"logout in a frame":  web.Logout{AwaitsToken: true},
		"signed out":         web.SignedOut{},
		"new password":       web.NewPassword{Code: text, Username: text, Error: text},
		"plain":              web.Plain{Title: text, Text: text, Detail: text},
	}
}

const rtl = "\u202egnp.exe\u2066"

var hostileTexts = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' autofocus onfocus='alert(1)`, "` onload=`alert(1)",
	`</title><script>alert(1)</script>`, `</main></body>`, `{{.Nonce}}`, `javascript:alert(1)`, "\u2028\x00<b>", `&lt;script&gt;&#34;`, rtl,
}

var (
	tag       = regexp.MustCompile(`<[a-zA-Z/!][^>]*>`)
	handler   = regexp.MustCompile(`(?i)\son[a-z]+\s*=`)
	addresses = regexp.MustCompile(`(?:src|href|action)="([^"]*)"`)
)

// shape is a page without its text, its nonce and the values of its attributes: what no text may change.
func shape(page string) string {
	var b strings.Builder
	for _, t := range tag.FindAllString(page, -1) {
		b.WriteString(regexp.MustCompile(`="[^"]*"`).ReplaceAllString(t, "") + "\n")
	}
	return b.String()
}

func render(t *testing.T, v web.View) (page, nonce string) {
	t.Helper()
	log, lines := logger()
	w := record(func(w http.ResponseWriter) { web.WritePage(w, log, http.StatusOK, app(t), v) })
	if w.Code != http.StatusOK || lines.Len() > 0 {
		t.Fatalf("status %d, log %s", w.Code, lines)
	}
	return w.Body.String(), policy(t, w.Result().Header, "https://app.example:8443")
}

func TestEveryViewEscapes(t *testing.T) {
	for name, harmless := range views("harmless") {
		t.Run(name, func(t *testing.T) {
			plain, _ := render(t, harmless)
			for _, text := range hostileTexts {
				page, nonce := render(t, views(text)[name])
				if got, want := shape(page), shape(plain); got != want {
					t.Errorf("%q changes the page:\n%s", text, page)
				}
				checkPage(t, page, nonce, text)
			}
		})
	}
}

func checkPage(t *testing.T, page, nonce, text string) {
	t.Helper()
	for _, s := range tag.FindAllString(page, -1) {
		if handler.MatchString(regexp.MustCompile(`="[^"]*"`).ReplaceAllString(s, "=")) || strings.Contains(s, " style=") {
			t.Errorf("%q has a handler or a style of its own", s)
		}
		if strings.HasPrefix(s, "<script") && !strings.Contains(s, `nonce="`+html.EscapeString(nonce)+`"`) && !strings.Contains(html.UnescapeString(s), `nonce="`+nonce+`"`) {
			t.Errorf("%q lacks the nonce %s", s, nonce)
		}
	}
	for _, m := range addresses.FindAllStringSubmatch(page, -1) {
		if to := m[1]; !strings.HasPrefix(to, "/") && to != "data:," || strings.HasPrefix(to, "//") {
			t.Errorf("with %q the page leads to %q", text, to)
		}
	}
}

// A name with direction marks must not turn round the words around it.
func TestNamesAreIsolated(t *testing.T) {
	for name, view := range views(rtl) {
		page, _ := render(t, view)
		switch name {
		case "sign in", "sign in, wrong", "sign in, anew", "window", "consent", "consent to nothing":
			if !strings.Contains(page, "<bdi>"+rtl+"</bdi>") {
				t.Errorf("%s: the name of the client stands bare:\n%s", name, page)
			}
		}
	}
	page, _ := render(t, views(rtl)["consent"])
	if strings.Count(page, "<bdi>"+rtl+"</bdi>") < 3 {
		t.Errorf("client, user or client id stand bare:\n%s", page)
	}
}

func TestPagesShowWhatTheyAreGiven(t *testing.T) {
	page, _ := render(t, web.SignIn{Flow: "F", Client: "An app", Username: "alice", Error: "Wrong.", Fields: true})
	for _, want := range []string{
		`<title>Sign in</title>`, `name="flow" value="F"`, `value="alice"`, `role="alert" id="problem">Wrong.<`, `aria-invalid="true"`,
		`data-frame="https://app.example:8443"`, `action="/authn/authentication/password"`, `autocomplete="current-password"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	page, _ = render(t, web.Consent{Subject: "S", Scopes: []oauth.Scope{{Name: "read", Description: "Read your data"}, {Name: "bare"}}})
	for _, want := range []string{"<span>Read your data</span>", "<span>bare</span>", `name="user" value="S"`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	page, _ = render(t, web.Logout{AwaitsToken: true, Fields: map[string]string{"client_id": "app"}})
	for _, want := range []string{`data-awaits-token="yes"`, `name="client_id" value="app"`, `name="access_token" value=""`, `name="confirm"`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	page, _ = render(t, web.NewPassword{Code: "C", Username: "alice", Error: "Too short."})
	for _, want := range []string{
		`action="/authn/password"`, `name="code" value="C"`, `autocomplete="new-password"`, `value="alice" autocomplete="username"`, `<bdi>alice</bdi>`,
		`role="alert" id="problem">Too short.<`, `id="show-password"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	page, _ = render(t, web.Logout{AwaitsToken: true})
	if strings.Contains(page, "data-auto=") {
		t.Error("a framed page submits by itself")
	}
}

// Without script the guard against framing cannot run: only pages that nobody may frame show then.
func TestNoScriptOnlyWhereUnframed(t *testing.T) {
	log, _ := logger()
	for _, frame := range []oauth.ValidOrigin{{}, app(t)} {
		w := record(func(w http.ResponseWriter) { web.WritePage(w, log, 200, frame, web.SignedOut{}) })
		if got := strings.Contains(w.Body.String(), "<noscript>"); got != frame.IsZero() {
			t.Errorf("framed by %q: noscript %t", frame, got)
		}
		if !strings.Contains(w.Body.String(), " data-guard ") {
			t.Error("the page shows before its script has looked who frames it")
		}
	}
}

func TestStatic(t *testing.T) {
	page, _ := render(t, web.SignedOut{})
	types := map[string]string{}
	for _, m := range addresses.FindAllStringSubmatch(page, -1) {
		if path, ours := strings.CutPrefix(m[1], web.StaticPath); ours {
			w := httptest.NewRecorder()
			web.Static(w, httptest.NewRequest("GET", web.StaticPath+path, nil))
			headers(t, w.Result().Header, map[string]string{"Cache-Control": "public, max-age=31536000, immutable"})
			if w.Code != http.StatusOK || w.Body.Len() == 0 {
				t.Errorf("%s: status %d", m[1], w.Code)
			}
			types[w.Result().Header.Get("Content-Type")] = path
		}
	}
	if len(types) != 2 || types["text/css; charset=utf-8"] == "" || types["text/javascript; charset=utf-8"] == "" {
		t.Errorf("the page loads %v", types)
	}
	for _, path := range []string{"", "page.css", "../templates/signin.html", "page-000000000000.js"} {
		w := httptest.NewRecorder()
		web.Static(w, &http.Request{Method: "GET", URL: httptest.NewRequest("GET", web.StaticPath, nil).URL.JoinPath(path)})
		if w.Code != http.StatusNotFound || strings.Contains(w.Result().Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%q: status %d", path, w.Code)
		}
	}
	if web.ETag([]byte("a")) == web.ETag([]byte("b")) || !regexp.MustCompile(`^"[0-9a-f]{24}"$`).MatchString(web.ETag(nil)) {
		t.Error("ETag")
	}
}
