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
	caller, err := authenticateClient(r, snap)
	if err == nil && (caller.IsPublic() || !caller.Can(oauth.CapIntrospection) || !snap.profile.Can(oauth.CapIntrospection)) {
		err = errClient
	}
	if err == nil && len(r.PostForm["token"]) != 1 {
		err = oauth.Errorf(oauth.InvalidRequest, "The request needs exactly one token.")
	}
	if err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	t, st, err := s.activeToken(r, r.PostForm.Get("token"))
	if err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	if st == nil {
		web.WriteJSON(w, inactive)
		return
	}
	web.WriteJSON(w, oauth.Introspect(&t, st, s.issuer, snap.clients[t.ClientID]))
}

// activeToken opens an access token and reads what it hangs off; the standing is nil where it is worth
// nothing, whatever the reason.
func (s *Server) activeToken(r *http.Request, text string) (oauth.AccessToken, *oauth.Standing, *oauth.Error) {
	t, err := s.openAccess(r.Context(), text)
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnknownKey) {
		return t, nil, nil
	}
	if err != nil {
		return t, nil, web.AsError(err)
	}
	now := s.Now()
	if !now.Before(t.Expires) {
		return t, nil, nil
	}
	st, err := s.Store.TokenStanding(r.Context(), t.DelegationID, t.ID)
	if errors.Is(err, store.ErrNotFound) {
		return t, nil, nil
	}
	if err != nil {
		return t, nil, web.AsError(err)
	}
	if !oauth.Active(&t, &st.Standing, st.Revoked, s.current.Load().clients[t.ClientID], now) {
		return t, nil, nil
	}
	return t, &st.Standing, nil
}
