package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

const (
	typAccessToken = token.TypeAccess // RFC 9068 §2.1
	typIDToken     = token.TypeJWT
)

// isJWT tells the two formats of access tokens apart: a handle has no dot.
func isJWT(accessToken string) bool { return strings.Count(accessToken, ".") == 2 }

func newID() (id oauth.ID) {
	rand.Read(id[:])
	return id
}

// issue makes the answer that brings tokens. It writes nothing where the client already has its delegation
// within this session, and that covers the scope.
func (s *Server) issue(r *http.Request, v *visit, st *oauth.Standing) (*oauth.AssistedSuccess, *oauth.Error) {
	now := s.Now()
	d := st.Delegation
	if d == nil || !oauth.Subset(v.scope, d.Scope) {
		made, err := s.delegate(r, v, st, now)
		if err != nil {
			return nil, err
		}
		d = made
	}
	t := oauth.NewAccessToken(newID(), d, st, v.scope, v.client, &v.snap.profile, now)
	access, err := s.encodeAccess(v, st, &t, now)
	if err != nil {
		return nil, oauth.Internal(err)
	}
	idToken := ""
	if oauth.HasOpenID(v.scope) {
		if idToken, err = s.idToken(v, st, access, now); err != nil {
			return nil, oauth.Internal(err)
		}
	}
	s.metrics.issued()
	s.logIssue(r.Context(), &t)
	answer := oauth.NewAssistedSuccess(&t, access, idToken)
	return &answer, nil
}

// delegate records what the client is given within this session.
func (s *Server) delegate(r *http.Request, v *visit, st *oauth.Standing, now time.Time) (*oauth.Delegation, *oauth.Error) {
	wanted := oauth.Delegation{
		ID: newID(), SessionID: st.Session.ID, ClientID: v.client.ID, AccountID: st.Account.ID,
		Scope: v.scope, Created: now,
	}
	audit := s.audit(r, store.EventDelegated, v, st)
	audit.Detail = oauth.JoinScope(v.scope)
	made, err := s.Store.Delegate(r.Context(), wanted, now, audit)
	if errors.Is(err, store.ErrEnded) {
		return nil, oauth.Errorf(oauth.InteractionRequired, "The session has just ended.").Because(err)
	}
	if err != nil {
		return nil, oauth.Internal(err)
	}
	return &made, nil
}

func (s *Server) encodeAccess(v *visit, st *oauth.Standing, t *oauth.AccessToken, now time.Time) (string, error) {
	if v.client.AccessTokenFormat != oauth.FormatJWT {
		return v.snap.ring.SealAccess(*t, now)
	}
	claims, err := json.Marshal(t.JWT(s.issuer, v.client, &st.Session))
	if err != nil {
		return "", err
	}
	return v.snap.ring.Sign(v.client.Alg(), typAccessToken, now, claims)
}

func (s *Server) idToken(v *visit, st *oauth.Standing, accessToken string, now time.Time) (string, error) {
	claims, err := json.Marshal(oauth.NewIDToken(
		s.issuer, v.client, &v.snap.profile, st, v.flow.Request.Nonce, accessToken, now))
	if err != nil {
		return "", err
	}
	return v.snap.ring.Sign(v.client.Alg(), typIDToken, now, claims)
}

func (s *Server) logIssue(ctx context.Context, t *oauth.AccessToken) {
	s.Logger.LogAttrs(ctx, slog.LevelInfo, "token issued", slog.String("client", t.ClientID),
		slog.String("account", t.Subject), slog.String("token_id", t.ID.String()))
}

// audit begins the record of a decision.
func (s *Server) audit(r *http.Request, event store.Event, v *visit, st *oauth.Standing) store.Audit {
	a := store.Audit{At: s.Now(), Event: event, Actor: "user", Address: s.proxies.ClientAddress(r).String()}
	if v != nil {
		a.ClientID = v.client.ID
	}
	if st != nil {
		a.AccountID, a.SessionID = st.Account.ID, st.Session.ID
	}
	return a
}

// bearer reads the access token of a request (RFC 6750 §2.1, §2.2); ok is false where more than one way is
// used at once.
func bearer(r *http.Request) (accessToken string, ok bool) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	inBody := r.PostForm.Get("access_token")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(value), inBody == ""
	}
	return inBody, true
}
