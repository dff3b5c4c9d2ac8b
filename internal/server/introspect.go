package server

import (
	"errors"
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const introspectPath = "/oauth/v2/oauth-introspect"

// inactive says no more than that (RFC 7662 §2.2).
var inactive = oauth.Introspection{}

// introspect tells an API what a token is worth right now (RFC 7662). The caller is a confidential client with
// the introspection capability.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	if err := web.ParseForm(w, r); err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	snap := s.current.Load()
	caller, err := s.authenticateClient(r, snap)
	if err == nil && (caller.method == oauth.AuthNone || !caller.client.Can(oauth.CapIntrospection) || !snap.profile.Can(oauth.CapIntrospection)) {
		err = errClient
	}
	if err == nil && len(r.PostForm["token"]) != 1 {
		err = oauth.Errorf(oauth.InvalidRequest, "The request needs exactly one token.")
	}
	if err == nil {
		err = s.spend(r.Context(), caller.spends...)
	}
	if err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	active, err := s.activeToken(r, r.PostForm.Get("token"))
	switch {
	case err != nil:
		web.WriteJSONError(w, s.Logger, err)
	case active == nil:
		web.WriteJSON(w, inactive)
	default:
		web.WriteJSON(w, oauth.Introspect(&active.token, &active.standing, s.issuer, active.client))
	}
}

// activeToken is an access token that is good right now, what it hangs off, and whose it is.
type activeToken struct {
	token    oauth.AccessToken
	standing oauth.Standing
	client   *oauth.Client
}

// activeToken opens an access token and reads what it hangs off; nil where it is worth nothing, whatever the
// reason.
func (s *Server) activeToken(r *http.Request, text string) (*activeToken, *oauth.Error) {
	t, err := s.openAccess(r.Context(), text)
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnknownKey) {
		return nil, nil
	}
	if err != nil {
		return nil, web.AsError(err)
	}
	now := s.Now()
	if !now.Before(t.Expires) {
		return nil, nil
	}
	st, err := s.Store.TokenStanding(r.Context(), t)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, web.AsError(err)
	}
	client := s.current.Load().clients[t.ClientID]
	if !oauth.Active(&t, &st.Standing, st.Revoked, client, now) {
		return nil, nil
	}
	return &activeToken{t, st.Standing, client}, nil
}
