package server

import (
	"errors"
	"slices"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

// refreshTokens trades a refresh token for new tokens (RFC 6749 §6). Where it rotates that is one conditional update;
// else nothing is written save the session's use.
func (s *Server) refreshTokens(q *tokenRequest) (*oauth.TokenResponse, *oauth.Error) {
	request, refused := oauth.ParseRefreshRequest(q.form)
	if refused != nil {
		return nil, refused
	}
	now := s.Now()
	var t oauth.RefreshToken
	if err := s.open(q.Context(), token.KindRefresh, request.Token, &t); err != nil {
		return nil, oauth.Errorf(oauth.InvalidGrant, "The refresh token is none of this server.").Because(err)
	}
	if refused := t.Check(q.client, q.proof, now); refused != nil {
		return nil, refused
	}
	i, refused := s.advanceFamily(q, &t, request.Scope)
	if refused != nil {
		return nil, refused
	}
	return s.familyTokens(q, i, t)
}

// refreshed says what the tokens of a refresh are. Claims are held against what the client may know today, as the scope is.
func (s *Server) refreshed(q *tokenRequest, t *oauth.RefreshToken, st *oauth.Standing, asked []string) (*oauth.Issue, *oauth.Error) {
	profile := &q.snap.profile
	if st.Family.Offline && !slices.Contains(q.client.HasScope(profile), oauth.ScopeOfflineAccess) {
		return nil, oauth.Errorf(oauth.InvalidGrant, "The client may not go on while the user is away any more.")
	}
	offline := []string{oauth.ScopeOfflineAccess}
	if st.Family.Offline && q.client.ConsentRequired && !st.Consent.Covers(offline) {
		return nil, oauth.Errorf(oauth.InvalidGrant, "The user has not agreed to offline access.")
	}
	scope, refused := t.RefreshedScope(asked, st.Session.AuthTime, q.client, profile, s.Now())
	if refused != nil {
		return nil, refused
	}
	resource, refused := narrowedResources(q, t.Resource)
	if refused != nil {
		return nil, refused
	}
	return q.issue(s, st, scope, t.Claims.Permitted(q.client, profile), resource), nil
}

// advanceFamily decides what the refresh token is worth and does what follows from that. Of two that come at once one
// advances the family; the other then finds itself the one before. A request that is refused for another reason uses nothing
// up: its client would come back with the same token, and be taken for a thief.
func (s *Server) advanceFamily(q *tokenRequest, t *oauth.RefreshToken, scope []string) (*oauth.Issue, *oauth.Error) {
	for range 3 {
		st, refused := s.familyStanding(q, t)
		if refused != nil {
			return nil, refused
		}
		verdict := t.Judge(st.Family, q.client, s.Now())
		if verdict == oauth.RefreshReused {
			return nil, s.endReused(q, st)
		}
		i, refused := s.refreshed(q, t, st, scope)
		if refused != nil {
			return nil, refused
		}
		if verdict == oauth.RefreshRaced || !t.Rotates(q.client) {
			return i, s.spend(q.Context(), q.spends...)
		}
		err := s.Store.RotateRefresh(q.Context(), t.FamilyID, t.Generation, s.Now(), q.spends)
		switch {
		case err == nil:
			st.Family.Generation++ // which the issue shares
			return i, nil
		case errors.Is(err, store.ErrEnded):
			return nil, sessionOver(nil)
		case !errors.Is(err, store.ErrConflict):
			return nil, asSpent(err)
		}
	}
	return nil, oauth.Errorf(oauth.TemporarilyUnavailable, "Too many requests use this refresh token at once.")
}

// familyStanding reads what a refresh token hangs off, and counts the read as a use of the session.
func (s *Server) familyStanding(q *tokenRequest, t *oauth.RefreshToken) (*oauth.Standing, *oauth.Error) {
	now := s.Now()
	st, err := s.Store.FamilyStanding(q.Context(), t.FamilyID)
	if err != nil || !now.Before(st.Family.Expires) || !st.Session.Live(now) || st.Family.ClientID != q.client.ID {
		return nil, sessionOver(err)
	}
	if !st.Family.Offline && st.Session.TouchDue(now) {
		if err := s.Store.TouchSession(q.Context(), st.Session.ID, now); err != nil {
			return nil, web.AsError(err)
		}
	}
	return &st, nil
}

// endReused ends a family one of whose former refresh tokens came back: either its user or a thief has the current one,
// and nobody can tell which (RFC 9700 §4.14.2).
func (s *Server) endReused(q *tokenRequest, st *oauth.Standing) *oauth.Error {
	a := s.audit(q.Request, store.EventReplay, nil, st)
	a.ClientID, a.Detail = q.client.ID, "refresh token"
	if err := s.Store.EndFamily(q.Context(), st.Family.ID, a); err != nil {
		return web.AsError(err)
	}
	return oauth.Errorf(oauth.InvalidGrant, "The refresh token was used before, so all that followed from it ended.")
}
