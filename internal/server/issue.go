package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const (
	typAccessToken = token.TypeAccess // RFC 9068 §2.1
	typIDToken     = token.TypeJWT
)

func newID() (id oauth.ID) {
	rand.Read(id[:])
	return id
}

// issueAssisted makes the message that brings tokens. It writes nothing where the client already has its delegation
// within this session, and that covers the scope.
func (s *Server) issueAssisted(r *http.Request, v *visit, st *oauth.Standing) (*oauth.AssistedSuccess, *oauth.Error) {
	i, err := s.grant(r, v, st)
	if err != nil {
		return nil, err
	}
	t, access, err := s.accessToken(r.Context(), v.snap, i)
	if err != nil {
		return nil, err
	}
	idToken := ""
	if oauth.HasOpenID(i.Scope) {
		if idToken, err = s.idToken(v.snap, i, oauth.IssuedWith{AccessToken: access}); err != nil {
			return nil, err
		}
	}
	answer := oauth.NewAssistedSuccess(t, access, idToken)
	answer.RenewalHandle, err = s.renewalHandle(v, st)
	if v.flow.JKT != "" {
		answer.Kept = v.kept(r)
	}
	return &answer, err
}

// authorizationResponse makes what the client gets from the authorization endpoint. Only what may be used once, or was
// never given before, is written.
func (s *Server) authorizationResponse(r *http.Request, v *visit, st *oauth.Standing) (*oauth.AuthorizationResponse, *oauth.Error) {
	i, err := s.grant(r, v, st)
	if err == nil {
		err = s.consentOffline(r, v, st)
	}
	if err == nil {
		err = s.usePushed(r, v)
	}
	if err != nil {
		return nil, err
	}
	to := v.flow.Redirect
	var answer oauth.AuthorizationResponse
	if to.Type.Code {
		if answer.Code, err = s.code(v, st, i.Now); err != nil {
			return nil, err
		}
	}
	if to.Type.Token {
		if answer.Token, answer.AccessToken, err = s.accessToken(r.Context(), v.snap, i); err != nil {
			return nil, err
		}
	}
	if to.Type.IDToken {
		answer.IDToken, err = s.idToken(v.snap, i, oauth.IssuedWith{AccessToken: answer.AccessToken, Code: answer.Code, State: to.State})
	}
	return &answer, err
}

// grant records, where that is new, what the client is given within this session, and gathers what its tokens rest on.
func (s *Server) grant(r *http.Request, v *visit, st *oauth.Standing) (*oauth.Issue, *oauth.Error) {
	now := s.Now()
	if d := st.Delegation; d == nil || !oauth.Subset(v.scope, d.Scope) {
		made, err := s.delegate(r, v, st, now)
		if err != nil {
			return nil, err
		}
		given := *st
		given.Delegation, st = made, &given
	}
	i := &oauth.Issue{
		Issuer: s.issuer, Client: v.client, Profile: &v.snap.profile, Standing: st, Scope: v.scope,
		Nonce: v.flow.Request.Nonce, Claims: v.flow.Request.Claims, Now: now,
	}
	if v.flow.Redirect != nil {
		i.Audience = v.flow.Redirect.Resource
	}
	return i, nil
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
		return nil, v.flow.SilentError(oauth.StepAuthenticate).Because(err)
	}
	if err != nil {
		return nil, oauth.Internal(err)
	}
	return &made, nil
}

// consentOffline makes the row that an offline family belongs to, where the client's users are not
// asked. They saw no page, so the row agrees to nothing: once the client needs consent, they are
// asked.
func (s *Server) consentOffline(r *http.Request, v *visit, st *oauth.Standing) *oauth.Error {
	if st.Consent != nil || !slices.Contains(v.scope, oauth.ScopeOfflineAccess) {
		return nil
	}
	row := oauth.Consent{
		AccountID: st.Account.ID, ClientID: v.client.ID, Updated: s.Now(), Shown: oauth.NotShown,
	}
	if err := s.Store.GrantConsent(r.Context(), row, v.client.ShownSince, store.Audit{}); err != nil {
		return web.AsError(err)
	}
	return nil
}

func (s *Server) code(v *visit, st *oauth.Standing, now time.Time) (string, *oauth.Error) {
	to := v.flow.Redirect
	content := oauth.AuthorizationCode{
		ID: newID(), ClientID: v.client.ID, SessionID: st.Session.ID, Scope: v.scope, Nonce: v.flow.Request.Nonce,
		Claims: v.flow.Request.Claims, Challenge: to.Challenge, Resource: to.Resource, JKT: to.JKT, Issued: now,
	}
	if to.Named {
		content.RedirectURI = to.URI
	}
	return seal(v.snap, token.KindCode, now, &content)
}

// seal makes a sealed value of the kind.
func seal(snap *snapshot, kind token.Kind, now time.Time, content any) (string, *oauth.Error) {
	plain, err := json.Marshal(content)
	if err != nil {
		return "", oauth.Internal(err)
	}
	text, err := snap.ring.Seal(kind, now, plain)
	if err != nil {
		return "", oauth.Internal(err)
	}
	return text, nil
}

// open reads a sealed value; the error is one of package token, or of the store that was asked for a new key.
func (s *Server) open(ctx context.Context, kind token.Kind, text string, content any) error {
	plain, epoch, err := s.current.Load().ring.OpenMade(kind, text)
	if errors.Is(err, token.ErrUnknownKey) && s.mayLookForKeys() {
		if err := s.refreshIfChanged(ctx); err != nil {
			return err
		}
		plain, epoch, err = s.current.Load().ring.OpenMade(kind, text)
	}
	if err == nil {
		err = json.Unmarshal(plain, content)
	}
	if err == nil && s.forgotten(content, epoch) {
		err = token.ErrInvalid
	}
	return err
}

// accessToken makes an access token in the client's format.
func (s *Server) accessToken(ctx context.Context, snap *snapshot, i *oauth.Issue) (*oauth.AccessToken, string, *oauth.Error) {
	t := i.AccessToken(newID())
	text, err := s.encodeAccess(ctx, snap, i.Client, &i.Standing.Session, &t, i.Now)
	return &t, text, err
}

// encodeAccess writes the token in the client's format; session is nil where there is no user.
func (s *Server) encodeAccess(ctx context.Context, snap *snapshot, c *oauth.Client, session *oauth.Session, t *oauth.AccessToken, now time.Time) (string, *oauth.Error) {
	var text string
	var err error
	if c.AccessTokenFormat == oauth.FormatJWT {
		text, err = signed(snap, c.Alg(), typAccessToken, now, t.JWT(s.issuer, c, session))
	} else {
		text, err = snap.ring.SealAccess(*t, now)
	}
	if err != nil {
		return "", oauth.Internal(err)
	}
	s.metrics.issued()
	s.tally.tokens.Add(1)
	s.logIssue(ctx, t)
	return text, nil
}

func (s *Server) idToken(snap *snapshot, i *oauth.Issue, with oauth.IssuedWith) (string, *oauth.Error) {
	text, err := signed(snap, i.Client.Alg(), typIDToken, i.Now, i.IDToken(with))
	if err != nil {
		return "", oauth.Internal(err)
	}
	return text, nil
}

// signed makes a JWT of the claims.
func signed(snap *snapshot, alg oauth.Alg, typ string, now time.Time, claims any) (string, error) {
	content, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return snap.ring.Sign(alg, typ, now, content)
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
