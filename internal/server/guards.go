package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

// overTLS refuses what came in the clear, and everything while the clock is wrong.
func (s *Server) overTLS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !s.InsecurePlaintext && !s.proxies.SaysHTTPS(r):
			web.Deny(w, http.StatusForbidden, "This server is reached over https only (behind a proxy: "+
				"list it in trusted_proxies and let it send X-Forwarded-Proto: https).")
		case !s.Clock.Last().Trust.Serves():
			refuseByClock(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// refuseByClock answers a browser with a page and a program with JSON.
func refuseByClock(w http.ResponseWriter, r *http.Request) {
	refused := oauth.Errorf(oauth.TemporarilyUnavailable, "The clock of this server is wrong. Try again later.")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		web.WriteErrorPage(w, nil, refused)
	} else {
		web.WriteJSONError(w, nil, refused)
	}
}

// documentsOnly answers where the browser loads a page or a frame, and nothing else, before the session is
// read: otherwise an <img> or a timing could tell a stranger's page who is signed in. Agents that send no
// Sec-Fetch-Dest are let through; there SameSite and frame-ancestors stand alone.
func (s *Server) documentsOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Sec-Fetch-Dest") {
		case "", "document", "iframe":
			next.ServeHTTP(w, r)
		default:
			web.Deny(w, http.StatusForbidden, "This address answers only as a page or a frame.")
		}
	})
}

// browserOnly answers what the browser itself asks (FedCM), and nothing else, before the session is read. Here a missing
// Sec-Fetch-Dest is no: every browser that has FedCM sends it, and no script can.
func (s *Server) browserOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sec-Fetch-Dest") != "webidentity" {
			web.Deny(w, http.StatusForbidden, "This address answers only the browser itself.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses forms that another origin submits (CSRF).
func (s *Server) sameOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.guard.Check(r); err != nil {
			web.Because(w, "cross_origin_form", err)
			web.WritePage(w, s.Logger, http.StatusForbidden, oauth.ValidOrigin{}, web.Plain{
				Title: "This form came from somewhere else",
				Text:  "For your safety only forms of this server itself are accepted. Go back to the app and start again.",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// reporting has the refusals of a handler logged (see web.Reporter).
func (s *Server) reporting(next http.Handler) http.Handler {
	return web.Reporter{Log: s.Logger, Proxies: s.proxies, Client: claimedClient}.Report(next)
}

// claimedClient is the client that a request names, proved or not; empty where it names none in
// clear.
func claimedClient(r *http.Request) string {
	if p, err := presentedBy(r); err == nil && p.id != "" {
		return p.id
	}
	for _, id := range []string{r.PostForm.Get("client_id"), r.PathValue("id")} {
		if id != "" {
			return id
		}
	}
	if user, _, ok := r.BasicAuth(); ok {
		return user
	}
	return r.URL.Query().Get("client_id")
}

// sentByUs tells by the Referer whether a page of ours sent the browser here (see oauth.ValidOrigin.Sent).
func (s *Server) sentByUs(r *http.Request) bool {
	from, err := url.Parse(r.Referer())
	return err == nil && from.Scheme == s.base.Scheme && from.Host == s.base.Host
}

// query reads the query string strictly: what net/url would drop in silence could hide a repeated parameter.
func query(r *http.Request) (url.Values, *oauth.Error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, oauth.Errorf(oauth.InvalidRequest, "The query string of the address is malformed.").Because(err)
	}
	return q, nil
}

// preflightFor answers CORS preflights for any client's allowed origin.
func (s *Server) preflightFor(methods string) http.HandlerFunc {
	methods += ", OPTIONS"
	return func(w http.ResponseWriter, r *http.Request) {
		web.Preflight(w, s.current.Load().anyClientsOrigin(r.Header.Get("Origin")), methods)
	}
}

// allowClientOrigin lets a page of this client read the answer (CORS); Origin: null matches nothing.
func allowClientOrigin(w http.ResponseWriter, r *http.Request, c *oauth.Client) {
	origin, _ := c.MatchOrigin(r.Header.Get("Origin"))
	web.AllowOrigin(w, origin)
}

// wrongMethod answers where a path is asked with a method that it does not take.
func (s *Server) wrongMethod(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		web.WritePage(w, s.Logger, http.StatusMethodNotAllowed, oauth.ValidOrigin{}, web.Plain{
			Title: "This address is asked differently", Text: "It takes only: " + allow + ".",
		})
	}
}

func (s *Server) noSuchPage(w http.ResponseWriter, r *http.Request) {
	web.WritePage(w, s.Logger, http.StatusNotFound, oauth.ValidOrigin{}, web.Plain{
		Title: "There is no such page", Text: "The address does not exist on this server.",
	})
}

// networkOf names the network of a request; what is shared among callers is shared by it.
func (s *Server) networkOf(r *http.Request) string {
	return authn.Network(s.proxies.ClientAddress(r)).String()
}
