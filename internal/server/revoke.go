package server

import (
	"errors"
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const revokePath = "/oauth/v2/oauth-revoke"

// revoke ends one access token (RFC 7009). What is no token of ours, or no longer one, is answered like one
// that was revoked (§2.2); only genuine tokens are written down, so strangers cannot fill the store.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	if err := web.ParseForm(w, r); err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	caller, err := s.authenticateClient(r, s.current.Load())
	if err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	c := caller.client
	allowClientOrigin(w, r, c)
	if len(r.PostForm["token"]) != 1 {
		web.WriteJSONError(w, s.Logger, oauth.Errorf(oauth.InvalidRequest, "The request needs exactly one token."))
		return
	}
	if err := s.spend(r.Context(), caller.spends...); err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	if err := s.revokeToken(r, c, r.PostForm.Get("token")); err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

func (s *Server) revokeToken(r *http.Request, c *oauth.Client, text string) *oauth.Error {
	t, err := s.openAccess(r.Context(), text)
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnknownKey) {
		return nil
	}
	if err != nil {
		return web.AsError(err)
	}
	if t.ClientID != c.ID { // RFC 7009 §2.1
		return oauth.Errorf(oauth.InvalidGrant, "The token was issued to another client.")
	}
	if !s.Now().Before(t.Expires) {
		return nil
	}
	audit := s.audit(r, store.EventTokenRevoked, nil, nil)
	audit.ClientID, audit.Detail = c.ID, t.ID.String()
	if id, err := oauth.ParseID(t.Subject); err == nil {
		audit.AccountID = id
	}
	if err := s.Store.RevokeToken(r.Context(), t.ID, t.Expires, audit); err != nil {
		return web.AsError(err)
	}
	return nil
}
