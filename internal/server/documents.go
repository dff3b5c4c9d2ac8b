package server

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
	"github.com/usher-id/usher/js"
)

func (s *Server) discovery(w http.ResponseWriter, r *http.Request) {
	writeDocument(w, "application/json", s.current.Load().discovery)
}

func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	writeDocument(w, "application/jwk-set+json", s.current.Load().jwks)
}

// writeDocument answers with a public document, made when the snapshot was, that any origin may read.
func writeDocument(w http.ResponseWriter, contentType string, document []byte) {
	web.AllowAny(w)
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "public, max-age=300")
	w.Write(document)
}

// script is a file that apps load from other origins.
type script struct {
	content, gzipped []byte
	tag              string
}

var scripts = map[string]script{
	assistedPath + "/resources/js/assisted-token.js":     newScript(js.AssistedToken),
	assistedPath + "/resources/js/assisted-token.min.js": newScript(js.AssistedTokenMin),
	"/authn/anonymous/resources/js/preflight.js":         newScript(js.Preflight),
	"/authn/anonymous/resources/js/preflight.min.js":     newScript(js.PreflightMin),
}

func newScript(content []byte) script {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // fails for an unknown level alone
	z.Write(content)                                        // a buffer takes all
	z.Close()
	return script{content, out.Bytes(), web.ETag(content)}
}

// script serves the browser library and the preflight script. Their addresses are fixed, so browsers ask again
// after five minutes and are told by the ETag that nothing changed.
func (s *Server) script(w http.ResponseWriter, r *http.Request) {
	f, ok := scripts[r.URL.Path]
	if !ok {
		s.noSuchPage(w, r)
		return
	}
	web.AllowAny(w)
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Vary", "Accept-Encoding")
	content, tag := f.content, f.tag
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		content, tag = f.gzipped, strings.TrimSuffix(f.tag, `"`)+`-gzip"` // another representation (RFC 9110 §8.8.3)
	}
	h.Set("ETag", tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3): gzip is named, and not with a weight of nothing.
func acceptsGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			value, weighed := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			q, err := strconv.ParseFloat(value, 64)
			return !weighed || err == nil && q > 0
		}
	}
	return false
}

// home is what whoever opens the bare address sees, for example to look at the certificate.
func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, web.Plain{
		Title: "usher is running", Text: "This is a sign-in server. There is nothing to do here: apps bring you when it is time.",
	})
}
