package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const revokePath = "/oauth/v2/oauth-revoke"

// revoke ends one access token, or a refresh token and all that followed from the same grant (RFC 7009 §2.1). What is no
// token of ours, or no longer one, is answered like one that was revoked (§2.2); only genuine tokens are written down, so
// strangers cannot fill the store. The hint is not needed: our tokens tell by themselves what they are.
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
	refresh, refused := s.openRefresh(r.Context(), text)
	if refused != nil {
		return refused
	}
	if refresh != nil {
		return s.revokeFamily(r, c, refresh)
	}
	t, err := s.openAccess(r.Context(), text)
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnknownKey) {
		return nil
	}
	if err != nil {
		return web.AsError(err)
	}
	if t.ClientID != c.ID {
		return errOthersToken
	}
	// One that expired since the last purge is recorded too: by another clock it may be good still.
	account, err := s.accountOf(r.Context(), c, t)
	if err != nil {
		return web.AsError(err)
	}
	audit := s.audit(r, store.EventTokenRevoked, nil, nil)
	audit.AccountID, audit.ClientID, audit.Detail = account, c.ID, t.ID.String()
	if err := s.Store.RevokeToken(r.Context(), t.ID, t.Expires, audit); err != nil {
		return web.AsError(err)
	}
	return nil
}

// accountOf finds whose token it is: by its subject, where that is the account's own; only behind a pairwise one the
// store has to be asked. It is the zero ID for a token without a user, and for one whose session is over.
func (s *Server) accountOf(ctx context.Context, c *oauth.Client, t oauth.AccessToken) (oauth.ID, error) {
	if t.IsClients() {
		return oauth.ID{}, nil
	}
	if c.SubjectType != oauth.SubjectPairwise {
		id, err := oauth.ParseID(t.Subject)
		if err == nil {
			return id, nil
		}
	}
	st, err := s.Store.TokenStanding(ctx, t)
	if errors.Is(err, store.ErrNotFound) {
		return oauth.ID{}, nil
	}
	return st.Account.ID, err
}

// errOthersToken refuses what was issued to another client (RFC 7009 §2.1).
var errOthersToken = oauth.Errorf(oauth.InvalidGrant, "The token was issued to another client.")

// revokeFamily ends the grant of a refresh token, whichever generation it is of: its access tokens too (RFC 7009 §2.1).
func (s *Server) revokeFamily(r *http.Request, c *oauth.Client, t *oauth.RefreshToken) *oauth.Error {
	if t.ClientID != c.ID {
		return errOthersToken
	}
	st, err := s.Store.FamilyStanding(r.Context(), t.FamilyID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return web.AsError(err)
	}
	audit := s.audit(r, store.EventFamilyEnded, nil, &st)
	audit.ClientID, audit.Detail = c.ID, t.FamilyID.String()
	if err := s.Store.EndFamily(r.Context(), t.FamilyID, audit); err != nil {
		return web.AsError(err)
	}
	return nil
}
