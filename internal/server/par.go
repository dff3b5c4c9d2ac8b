package server

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const parPath = "/oauth/v2/oauth-par"

const (
	// pushedPrefix begins the request_uri of a pushed request (RFC 9126 §2.2); a sealed value follows.
	pushedPrefix   = "urn:ietf:params:oauth:request_uri:"
	pushedLifetime = 90 * time.Second
	// maxPushed bounds what is sealed, in bytes: the request_uri travels in a URL.
	maxPushed = 6 << 10
	// kindPushed names a request_uri among the values that may be used once.
	kindPushed = "request_uri"
)

func isPushed(requestURI string) bool { return strings.HasPrefix(requestURI, pushedPrefix) }

// pushedRequest is the content of a sealed pushed request. Nothing is stored until it is answered.
type pushedRequest struct {
	ID         oauth.ID   `json:"i"`
	ClientID   string     `json:"c"`
	Parameters url.Values `json:"p"`
	Issued     time.Time  `json:"t"`
}

// pushed is the pushed authorization request endpoint (RFC 9126).
func (s *Server) pushed(w http.ResponseWriter, r *http.Request) {
	answer, err := s.push(w, r)
	if err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	web.WriteJSONStatus(w, http.StatusCreated, answer)
}

// pushedAnswer is RFC 9126 §2.2.
type pushedAnswer struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int    `json:"expires_in"`
}

func (s *Server) push(w http.ResponseWriter, r *http.Request) (*pushedAnswer, *oauth.Error) {
	if err := web.ParseForm(w, r); err != nil {
		return nil, err
	}
	snap := s.current.Load()
	caller, err := s.authenticateClient(r, snap)
	if err != nil {
		return nil, err
	}
	allowClientOrigin(w, r, caller.client)
	s.dpopNonce(w)
	proof, err := s.dpop(r, "")
	if err != nil {
		return nil, err
	}
	parameters, err := s.readPushed(r, snap, caller.client, proof.jkt)
	if err != nil {
		return nil, err
	}
	if len(caller.spends)+len(proof.spends) > 0 && caller.client.IsPublic() {
		// Anybody can push in its name, and each proof is a row: what strangers write is bounded.
		if ok, wait := s.addresses.Allow(s.proxies.ClientAddress(r), s.Now()); !ok {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
			return nil, oauth.Errorf(oauth.TemporarilyUnavailable, "Too many requests come from this address.")
		}
	}
	if err := s.spend(r.Context(), append(caller.spends, proof.spends...)...); err != nil {
		return nil, err
	}
	now := s.Now()
	sealed, err := seal(snap, token.KindRequest, now, &pushedRequest{newID(), caller.client.ID, parameters, now})
	if err != nil {
		return nil, err
	}
	return &pushedAnswer{pushedPrefix + sealed, int(pushedLifetime / time.Second)}, nil
}

// readPushed finds the parameters that count and checks them as the authorization endpoint would (RFC 9126 §2.1), so that
// the client learns at once what is wrong.
func (s *Server) readPushed(r *http.Request, snap *snapshot, c *oauth.Client, jkt string) (url.Values, *oauth.Error) {
	q := url.Values{}
	for name, values := range r.PostForm {
		switch name {
		case "client_secret", "client_assertion", "client_assertion_type": // for this endpoint alone
		case "request_uri":
			return nil, oauth.Errorf(oauth.InvalidRequest, "A pushed request cannot hold a request_uri.")
		default:
			q[name] = values
		}
	}
	q.Set("client_id", c.ID)
	q, err := s.requestParameters(r.Context(), snap, c, q)
	if err != nil {
		return nil, err
	}
	if named := q.Get("dpop_jkt"); jkt != "" && named != "" && named != jkt { // RFC 9449 §10.1
		return nil, oauth.Errorf(oauth.InvalidDPoPProof, "dpop_jkt and the DPoP proof name different keys.")
	}
	if jkt != "" {
		q.Set("dpop_jkt", jkt)
	}
	if len(q.Encode()) > maxPushed {
		return nil, oauth.Errorf(oauth.InvalidRequest, "The request has more than %d bytes.", maxPushed)
	}
	return q, s.askAuthorization(&visit{snap: snap, client: c}, q, oauth.ID{})
}

// openPushed opens the request_uri of a pushed request, which is good for the client that pushed it, for a short time.
func (s *Server) openPushed(ctx context.Context, v *visit, requestURI string) (url.Values, oauth.ID, *oauth.Error) {
	var p pushedRequest
	err := s.open(ctx, token.KindRequest, strings.TrimPrefix(requestURI, pushedPrefix), &p)
	if err != nil || p.ClientID != v.client.ID || s.Now().After(p.Issued.Add(pushedLifetime)) {
		return nil, oauth.ID{}, oauth.Errorf(oauth.InvalidRequestURI, "The request_uri has expired or is none that this client pushed.").Because(err)
	}
	return p.Parameters, p.ID, nil
}

// usePushed uses a pushed request up once it is answered (RFC 9126 §4): until then a page may be loaded again.
func (s *Server) usePushed(r *http.Request, v *visit) *oauth.Error {
	id := v.flow.Redirect.Pushed
	if id.IsZero() {
		return nil
	}
	return s.spend(r.Context(), store.OneTime{
		Kind: kindPushed, Owner: v.client.ID, ID: id.String(), Expires: v.flow.Started.Add(pushedLifetime + oauth.FlowLifetime),
	})
}
