package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/usher-id/usher/internal/admin/api"
	"github.com/usher-id/usher/internal/admin/pages"
	"github.com/usher-id/usher/internal/admin/scim"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/web"
)

// maxBody bounds every body: some bring a file of configuration. The parts bound the others more tightly.
const maxBody = manage.MaxFile + 2<<20

// overTLS refuses what came in the clear, and every change while the clock is wrong: its time would be stored.
// What only shows is answered, so that operators see why.
func (a *Admin) overTLS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.proxies.SaysHTTPS(r) {
			web.Deny(w, http.StatusForbidden,
				"The admin pages are reached over https only (behind a proxy: "+
					"list it in trusted_proxies and let it send X-Forwarded-Proto: https).")
			return
		}
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if v := a.Manager.Clock.Last(); !reads && !v.Trust.Serves() {
			w.Header().Set("Retry-After", "5")
			web.Deny(w, http.StatusServiceUnavailable, "Nothing can be changed now: "+v.Why+".")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownName refuses requests for another host: a stranger's name that was made to point here (DNS rebinding) is an origin of
// the stranger's, and what browsers say of origins would not help.
func (a *Admin) ownName(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Host, a.base.Host) {
			web.Deny(w, http.StatusMisdirectedRequest,
				"The admin pages are at "+a.Manager.AdminURL+homePath+" (admin_base_url).")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// documentsOnly answers where the browser loads a page, and where a page of ours fetches something itself: in no frame,
// image or script. Agents that send no Sec-Fetch-Dest are let through; there frame-ancestors and SameSite stand alone.
func (a *Admin) documentsOnly(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		dest := r.Header.Get("Sec-Fetch-Dest")
		if dest != "" && dest != "document" && !(dest == "empty" && r.Header.Get("Sec-Fetch-Site") == "same-origin") {
			web.Deny(w, http.StatusForbidden, "This address answers only as a page.")
			return
		}
		next.ServeHTTP(w, r)
	}
}

// ownForms refuses what another origin submits (CSRF), be it a neighbour on the same site: another port of this machine, or
// another subdomain. Such requests bring the cookie along, whatever its SameSite says.
func (a *Admin) ownForms(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := a.forms.Check(r); err != nil {
			web.Because(w, "cross_origin_form", err)
			a.pages.WriteNotice(w, http.StatusForbidden, pages.Notice{
				Title: "This form came from somewhere else",
				Text:  "For your safety only forms of these pages themselves are accepted. Nothing was changed.",
				Link:  homePath, LinkText: "Go to the overview",
			})
			return
		}
		next(w, r)
	}
}

// known answers for addresses that are not there, and methods that they do not take.
func (a *Admin) known(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		var refusal recorder // the mux knows which methods there are
		h.ServeHTTP(&refusal, r)
		if refusal.status == http.StatusMethodNotAllowed {
			a.wrongMethod(w, r, refusal.Header().Get("Allow"))
			return
		}
		switch {
		case below(r.URL.Path, api.Prefix):
			a.api.WriteError(w, r, store.ErrNotFound)
		case below(r.URL.Path, scim.Prefix):
			a.scim.WriteError(w, r, store.ErrNotFound)
		default:
			a.pages.WriteNotice(w, http.StatusNotFound, pages.Notice{
				Title: "There is no such page", Text: "The address does not exist here.", Link: homePath, LinkText: "Go to the overview",
			})
		}
	})
}

func below(path, prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") }

func (a *Admin) wrongMethod(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	text := "This address takes only: " + allow + "."
	web.Because(w, "", errors.New(text))
	switch {
	case below(r.URL.Path, api.Prefix): // RFC 9457 §3
		writeRefusal(w, "application/problem+json", map[string]any{
			"type": "urn:usher:problem:method", "title": "Method Not Allowed", "status": http.StatusMethodNotAllowed, "detail": text,
		})
	case below(r.URL.Path, scim.Prefix): // RFC 7644 §3.12
		writeRefusal(w, "application/scim+json", map[string]any{
			"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "status": "405", "detail": text,
		})
	default:
		a.pages.WriteNotice(w, http.StatusMethodNotAllowed, pages.Notice{
			Title: "This address is asked differently", Text: text, Link: homePath, LinkText: "Go to the overview",
		})
	}
}

func writeRefusal(w http.ResponseWriter, contentType string, answer map[string]any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusMethodNotAllowed)
	_ = json.NewEncoder(w).Encode(answer) // a map of strings; the client may be gone
}

// fault answers where the server failed before any part of it was asked.
func (a *Admin) fault(w http.ResponseWriter, err error) {
	if errors.Is(err, store.ErrUnavailable) {
		web.Because(w, string(oauth.TemporarilyUnavailable), err)
		a.pages.WriteNotice(w, http.StatusServiceUnavailable, pages.Unavailable)
		return
	}
	id := web.Failed(w, a.Logger, err)
	a.pages.WriteNotice(w, http.StatusInternalServerError, pages.Notice{
		Title: "Something went wrong", Text: "The server met an unexpected condition (log id " + id + "). Try again in a moment.",
	})
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (c *recorder) Header() http.Header {
	if c.header == nil {
		c.header = http.Header{}
	}
	return c.header
}

func (c *recorder) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
}

func (c *recorder) Write(b []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	return c.body.Write(b)
}

// count counts the requests of a part.
func (a *Admin) count(part string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		a.requests.WithLabelValues(part, strconv.Itoa(web.AnswerOf(w).Status/100)+"xx").Inc()
	})
}
