// Package javascriptspa is a single page app in plain HTML and JavaScript, with an API of its own: the
// smallest whole picture of how an app uses usher.
//
// The page holds the token in memory and sends it to GET /api, at its own origin. The API believes
// nothing that the page says: the package resource asks the server what the token is worth (RFC 7662) for
// each request, so a token that was revoked a moment ago is refused.
//
// Nothing is loaded from another site, save the browser library from the identity server itself;
// the Content-Security-Policy of the page says so.
package javascriptspa

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
)

// Options say which server the app signs in at, and how its API asks that server about tokens.
type Options struct {
	// Server is the address of the identity server; "https://localhost:8443" where it is empty.
	Server string
	// ClientID is the app's client, a public one; "client-assisted-example" where it is empty.
	ClientID string
	// IntrospectionClient and IntrospectionSecret are the credentials of the API, a client of its own.
	IntrospectionClient, IntrospectionSecret string
	// CAFile has authorities that the API believes beside the system's, to reach the server; may be empty.
	CAFile string
}

//go:embed static
var files embed.FS

// New returns the app: the page at "/", what it loads beside it, and the API at "/api".
func New(o Options) (http.Handler, error) {
	if o.Server == "" {
		o.Server = "https://localhost:8443"
	}
	if o.ClientID == "" {
		o.ClientID = "client-assisted-example"
	}
	o.Server = strings.TrimRight(o.Server, "/")
	api, err := newAPI(o)
	if err != nil {
		return nil, err
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page(o))
	mux.Handle("/api", api)
	for _, name := range []string{"app.css", "app.js", "jquery.min.js", "icon.svg"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFileFS(w, r, static, name)
		})
	}
	return secure(o.Server, mux), nil
}

// page renders the one page; only the server's address and the client's id vary.
func page(o Options) http.Handler {
	var b bytes.Buffer
	tmpl := template.Must(template.ParseFS(files, "static/index.html"))
	if err := tmpl.Execute(&b, o); err != nil {
		panic(err) // the template and its values are compiled in
	}
	html := b.Bytes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(html)
	})
}

// secure sets the headers of every response. These are the lines of a Content-Security-Policy that an
// app needs for the browser library: its script, the frames it opens, and the requests it makes.
func secure(server string, next http.Handler) http.Handler {
	csp := strings.Join([]string{
		"default-src 'none'",
		"script-src 'self' " + server,
		"connect-src 'self' " + server,
		"frame-src " + server,
		"style-src 'self'",
		"img-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}
