package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/web"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

var (
	assets    = hashAssets()
	templates = template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/*.html"))
)

// asset is one file of style or script. Its public name carries a hash of the content, so a browser may keep it for ever.
type asset struct {
	name, contentType string
	content           []byte
}

// hashAssets reads the embedded files, by their own and by their public names.
func hashAssets() map[string]asset {
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		panic(err) // it is embedded
	}
	all := map[string]asset{}
	for _, e := range entries {
		content, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum, ext := sha256.Sum256(content), path.Ext(e.Name())
		a := asset{strings.TrimSuffix(e.Name(), ext) + "-" + hex.EncodeToString(sum[:6]) + ext, mime.TypeByExtension(ext), content}
		all[e.Name()], all[a.name] = a, a
	}
	return all
}

// assetPath is where a file of style or script is: {{asset "admin.css"}}.
func assetPath(name string) string { return StaticPath + assets[name].name }

// Static serves style and scripts, below StaticPath, to everybody.
func (p *Pages) Static(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, StaticPath)
	a, known := assets[name]
	if !known || a.name != name {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", a.contentType)
	w.Write(a.content)
}

// layout is what every template gets; the page's own view is V.
type layout struct {
	Title, Nonce, Version string
	// Menu is empty for who is not signed in.
	Menu   []menuGroup
	Caller route.Caller
	// Done says what a form did that led here.
	Done string
	// Refresh reloads the page so many seconds later where there is no script; 0 for never.
	Refresh int
	V       any
}

// refreshing is a view that wants to be shown anew.
type refreshing interface{ refresh() (seconds int) }

// render shows a page to who is signed in: the file's template gets a layout with the view as V.
func (p *Pages) render(c *route.Call, status int, file, title string, view any) error {
	l := layout{Title: title, Version: p.Version, Menu: menuFor(c), Caller: c.Caller, Done: doneText(c.R.URL), V: view}
	if r, ok := view.(refreshing); ok {
		l.Refresh = r.refresh()
	}
	return p.write(c.W, status, file, l)
}

func (p *Pages) write(w http.ResponseWriter, status int, file string, l layout) error {
	l.Nonce = web.Nonce()
	var page bytes.Buffer
	if err := templates.ExecuteTemplate(&page, file, l); err != nil {
		return err
	}
	web.AdminPageHeaders(w.Header(), l.Nonce, p.runtimeOrigin())
	web.RetryLater(w.Header(), status)
	w.WriteHeader(status)
	w.Write(page.Bytes())
	return nil
}

// runtimeOrigin is where sign-in and sign-out lead, and what the try-it panel frames.
func (p *Pages) runtimeOrigin() string {
	u, err := url.Parse(p.RuntimeURL)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
