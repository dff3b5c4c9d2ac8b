package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const introspectPath = "/oauth/v2/oauth-introspect"

// The forms of an introspection answer.
const (
	typeJSON             = "application/json"
	typeJWT              = "application/jwt"
	typeIntrospectionJWT = "application/token-introspection+jwt" // RFC 9701 §4
)

// introspect tells an API what a token is worth right now (RFC 7662), in the form that it accepts: as JSON, as a signed
// statement (RFC 9701), or, for a gateway that hands tokens on, as the JWT access token that the handle stands for.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	snap := s.current.Load()
	caller, err := s.introspectionCaller(w, r, snap)
	if err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	text := r.PostForm.Get("token")
	active, err := s.activeToken(r, text)
	if err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	form := introspectionForm(r, caller)
	if form == typeJWT {
		s.answerBehindHandle(w, snap, active)
		return
	}
	var answer oauth.Introspection // inactive, which says no more than that (RFC 7662 §2.2)
	if active != nil {
		answer = oauth.Introspect(&active.token, &active.standing, s.issuer, active.client)
	} else if answer, err = s.introspectRefresh(r.Context(), snap, caller, text); err != nil {
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	if form == typeIntrospectionJWT {
		s.answerSigned(w, snap, caller, answer)
		return
	}
	web.WriteJSON(w, answer)
}

// introspectionCaller is the confidential client with the capability introspection that asks (RFC 7662 §2.1).
func (s *Server) introspectionCaller(w http.ResponseWriter, r *http.Request, snap *snapshot) (*oauth.Client, *oauth.Error) {
	if err := web.ParseForm(w, r); err != nil {
		return nil, err
	}
	caller, err := s.authenticateClient(r, snap)
	switch {
	case err != nil:
		return nil, err
	case caller.method == oauth.AuthNone:
		return nil, errClient.Because(errors.New("a public client may not introspect"))
	case !snap.profile.Allows(caller.client, oauth.CapIntrospection):
		return nil, errClient.Because(errors.New("the client or the profile lacks the capability introspection"))
	case len(r.PostForm["token"]) != 1:
		return nil, oauth.Errorf(oauth.InvalidRequest, "The request needs exactly one token.")
	}
	return caller.client, s.spend(r.Context(), caller.spends...)
}

// introspectionForm negotiates the answer's form. A caller that registered an algorithm for signed answers gets them
// where it accepts both alike.
func introspectionForm(r *http.Request, caller *oauth.Client) string {
	if caller.IntrospectionAlg != "" {
		return accepted(r, typeIntrospectionJWT, typeJSON, typeJWT)
	}
	return accepted(r, typeJSON, typeIntrospectionJWT, typeJWT)
}

// answerSigned writes the answer as a JWT for the caller (RFC 9701 §5).
func (s *Server) answerSigned(w http.ResponseWriter, snap *snapshot, caller *oauth.Client, answer oauth.Introspection) {
	alg, now := caller.IntrospectionAlg, s.Now()
	if alg == "" {
		alg = caller.Alg()
	}
	text, err := signed(snap, alg, token.TypeIntrospection, now, oauth.NewJWTIntrospection(answer, s.issuer, caller, now))
	s.writeJWT(w, typeIntrospectionJWT, text, err)
}

// answerBehindHandle writes the JWT access token (RFC 9068) that the token stands for; nothing for one that is worth
// nothing.
func (s *Server) answerBehindHandle(w http.ResponseWriter, snap *snapshot, active *activeToken) {
	if active == nil {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	session := &active.standing.Session
	if active.token.IsClients() {
		session = nil
	}
	text, err := signed(snap, active.client.Alg(), typAccessToken, s.Now(), active.token.JWT(s.issuer, active.client, session))
	s.writeJWT(w, typeJWT, text, err)
}

// writeJWT answers with a JWT that must never be cached.
func (s *Server) writeJWT(w http.ResponseWriter, contentType, text string, err error) {
	if err != nil {
		web.WriteJSONError(w, s.Logger, oauth.Internal(err))
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	w.Write([]byte(text))
}

// introspectRefresh answers for a refresh token, to its own client alone: an API has no business with one.
func (s *Server) introspectRefresh(ctx context.Context, snap *snapshot, caller *oauth.Client, text string) (oauth.Introspection, *oauth.Error) {
	t, refused := s.openRefresh(ctx, text)
	now := s.Now()
	if refused != nil || t == nil || t.ClientID != caller.ID || !now.Before(t.Expires) {
		return oauth.Introspection{}, refused
	}
	st, err := s.Store.FamilyStanding(ctx, t.FamilyID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return oauth.Introspection{}, nil
	case err != nil:
		return oauth.Introspection{}, web.AsError(err)
	case !now.Before(st.Family.Expires) || !st.Session.Live(now) || t.Judge(st.Family, caller, now) == oauth.RefreshReused:
		return oauth.Introspection{}, nil
	}
	return oauth.IntrospectRefresh(t, &st, s.issuer, caller, &snap.profile), nil
}

// openRefresh opens a refresh token; nil where the text is none of ours.
func (s *Server) openRefresh(ctx context.Context, text string) (*oauth.RefreshToken, *oauth.Error) {
	if !strings.HasPrefix(text, token.RefreshPrefix) {
		return nil, nil
	}
	var t oauth.RefreshToken
	err := s.open(ctx, token.KindRefresh, text, &t)
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnknownKey) {
		return nil, nil
	}
	if err != nil {
		return nil, web.AsError(err)
	}
	return &t, nil
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
	client, _, refused := s.client(r.Context(), s.current.Load(), t.ClientID)
	if refused != nil {
		return nil, refused
	}
	if !oauth.Active(&t, &st.Standing, st.Revoked, client, now) {
		return nil, nil
	}
	return &activeToken{t, st.Standing, client}, nil
}
