package server

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const tokenPath = "/oauth/v2/oauth-token"

// tokenRequest is a request to the token endpoint whose client is known.
type tokenRequest struct {
	*http.Request
	snap   *snapshot
	client *oauth.Client
	form   url.Values
	// proof is the key that the tokens are to be bound to.
	proof oauth.Confirmation
	// spends are the one-time values that came with the request, used up in the transaction that answers it.
	spends []store.OneTime
}

// token is the token endpoint (RFC 6749 §3.2).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Pragma", "no-cache") // RFC 6749 §5.1, beside the no-store that all JSON of ours has
	answer, err := s.answerToken(w, r)
	if err != nil {
		s.metrics.refused(err.Code)
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	web.WriteJSON(w, answer)
}

func (s *Server) answerToken(w http.ResponseWriter, r *http.Request) (*oauth.TokenResponse, *oauth.Error) {
	if err := web.ParseForm(w, r); err != nil {
		return nil, err
	}
	caller, err := s.authenticateClient(r, s.current.Load())
	if err != nil {
		return nil, err
	}
	snap := s.current.Load() // as new as the client is, at least
	allowClientOrigin(w, r, caller.client)
	grantType, err := oauth.ParseGrantType(r.PostForm)
	if err != nil {
		return nil, err
	}
	capability, known := oauth.GrantCapability[grantType]
	redeem := redeemers[grantType]
	switch {
	case !known || redeem == nil:
		return nil, oauth.Errorf(oauth.UnsupportedGrantType, "This grant_type is not supported here.")
	case !mayUse(snap, caller.client, capability):
		return nil, oauth.Errorf(oauth.UnauthorizedClient, "This needs the capability %s, of the client %s and of the token service profile.", capability, caller.client.ID)
	}
	q := &tokenRequest{Request: r, snap: snap, client: caller.client, form: r.PostForm, spends: caller.spends}
	if err := s.prove(w, q, caller.certificate); err != nil {
		return nil, err
	}
	return redeem(s, q)
}

// redeemers answer the grant types of oauth.GrantCapability. One that is missing here is not supported.
var redeemers = map[oauth.GrantType]func(*Server, *tokenRequest) (*oauth.TokenResponse, *oauth.Error){
	oauth.GrantCode:              (*Server).redeemCode,
	oauth.GrantRefresh:           (*Server).refreshTokens,
	oauth.GrantClientCredentials: (*Server).clientCredentials,
	oauth.GrantDevice:            (*Server).redeemDevice,
	oauth.GrantTokenExchange:     (*Server).exchange,
}

// mayUse demands the capability. A code that came with other answers was asked for by the capability hybrid.
func mayUse(snap *snapshot, c *oauth.Client, k oauth.Capability) bool {
	return snap.profile.Allows(c, k) || k == oauth.CapCode && snap.profile.Allows(c, oauth.CapHybrid)
}

// prove finds the key that the tokens are to be bound to: that of a DPoP proof (RFC 9449 §5), or the client's certificate
// where the client wants that (RFC 8705 §3).
func (s *Server) prove(w http.ResponseWriter, q *tokenRequest, certificate string) *oauth.Error {
	if q.Header.Get("DPoP") != "" || q.client.DPoPBound {
		s.dpopNonce(w)
	}
	proof, err := s.dpop(q.Request, "")
	if err != nil {
		return err
	}
	q.spends = append(q.spends, proof.spends...)
	q.proof.JKT = proof.jkt
	if q.client.TLSBound && proof.jkt == "" {
		q.proof.X5T = certificate
	}
	return q.client.CheckBinding(q.proof)
}

// redeemCode trades an authorization code for tokens (RFC 6749 §4.1.3). The code is used up in the transaction that starts
// the family of its tokens; a second use ends that family.
func (s *Server) redeemCode(q *tokenRequest) (*oauth.TokenResponse, *oauth.Error) {
	request, refused := oauth.ParseCodeRequest(q.form)
	if refused != nil {
		return nil, refused
	}
	now := s.Now()
	var code oauth.AuthorizationCode
	if err := s.open(q.Context(), token.KindCode, request.Code, &code); err != nil {
		return nil, oauth.Errorf(oauth.InvalidGrant, "The code is none of this server, or has expired.").Because(err)
	}
	if refused := code.Check(request, q.client, q.proof.JKT, now); refused != nil {
		return nil, refused
	}
	st, err := s.Store.StandingOf(q.Context(), code.SessionID, q.client.ID)
	if err != nil || st.Delegation == nil || !st.Session.Live(now) {
		return nil, sessionOver(err)
	}
	resource, refused := narrowedResources(q, code.Resource)
	if refused != nil {
		return nil, refused
	}
	family := oauth.NewFamily(code.ID, &st, code.Scope, q.client, &q.snap.profile, now)
	spent := store.OneTime{Kind: "code", Owner: q.client.ID, ID: code.ID.String(), Expires: code.Expires()}
	if refused := s.startFamily(q, &st, spent, code.Scope, family); refused != nil {
		return nil, refused
	}
	st.Family = &family
	i := q.issue(s, &st, code.Scope, code.Claims, resource)
	i.Nonce = code.Nonce
	return s.familyTokens(q, i, oauth.RefreshToken{Scope: code.Scope, Claims: code.Claims, Resource: code.Resource})
}

// startFamily is the one write of a code exchange, and uses the code up.
func (s *Server) startFamily(q *tokenRequest, st *oauth.Standing, code store.OneTime, scope []string, f oauth.Family) *oauth.Error {
	a := s.audit(q.Request, store.EventFamilyStarted, nil, st)
	a.ClientID, a.Detail = q.client.ID, oauth.JoinScope(scope)
	err := s.Store.Redeem(q.Context(), code, q.spends, f, s.Now(), a)
	if errors.Is(err, store.ErrEnded) {
		return sessionOver(nil)
	}
	return asSpent(err)
}

func sessionOver(err error) *oauth.Error {
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return web.AsError(err)
	}
	return oauth.Errorf(oauth.InvalidGrant, "The session that this hangs off is over.")
}

// issue gathers what the tokens of this request rest on.
func (q *tokenRequest) issue(s *Server, st *oauth.Standing, scope []string, claims oauth.ClaimsRequest, audience []string) *oauth.Issue {
	return &oauth.Issue{
		Issuer: s.issuer, Client: q.client, Profile: &q.snap.profile, Standing: st, Scope: scope, Claims: claims,
		Audience: audience, Confirmation: q.proof, Now: s.Now(),
	}
}

// familyTokens makes the tokens of a family: an access token, a refresh token where the client may have one, and with
// openid an ID token. refresh says what the refresh token stands for, of which this answer may be a part.
func (s *Server) familyTokens(q *tokenRequest, i *oauth.Issue, refresh oauth.RefreshToken) (*oauth.TokenResponse, *oauth.Error) {
	t, access, err := s.accessToken(q.Context(), q.snap, i)
	if err != nil {
		return nil, err
	}
	answer := oauth.NewTokenResponse(t, access)
	if q.snap.profile.Allows(q.client, oauth.CapRefresh) {
		f := i.Standing.Family
		refresh.FamilyID, refresh.Generation, refresh.ClientID, refresh.Expires = f.ID, f.Generation, q.client.ID, f.Expires
		refresh.Confirmation = refreshBinding(q)
		if answer.RefreshToken, err = seal(q.snap, token.KindRefresh, i.Now, &refresh); err != nil {
			return nil, err
		}
	}
	if oauth.HasOpenID(i.Scope) {
		answer.IDToken, err = s.idToken(q.snap, i, oauth.IssuedWith{AccessToken: access})
	}
	return &answer, err
}

// refreshBinding binds the refresh tokens of public clients to the key of their access tokens (RFC 9449 §5, RFC 8705 §4);
// those of others are bound to the client, which authenticates and may change its key.
func refreshBinding(q *tokenRequest) oauth.Confirmation {
	if q.client.IsPublic() {
		return q.proof
	}
	return oauth.Confirmation{}
}

// narrowedResources answers which audience this token gets: what the request names of what was granted (RFC 8707 §2.2).
func narrowedResources(q *tokenRequest, granted []string) ([]string, *oauth.Error) {
	asked, err := oauth.ParseResources(q.form, q.client)
	if err != nil || len(asked) == 0 {
		return granted, err
	}
	if len(granted) > 0 && !oauth.Subset(asked, granted) {
		return nil, oauth.Errorf(oauth.InvalidTarget, "The request names a resource that was not granted.")
	}
	return asked, nil
}

// clientCredentials gives a client a token of its own (RFC 6749 §4.4): it costs no query, and a write only where the
// client proved itself with something that may be used once.
func (s *Server) clientCredentials(q *tokenRequest) (*oauth.TokenResponse, *oauth.Error) {
	if q.client.IsPublic() { // RFC 6749 §4.4.2
		return nil, oauth.Errorf(oauth.UnauthorizedClient, "client_credentials is for clients that authenticate.")
	}
	scope, err := oauth.ParseClientScope(q.form, q.client, &q.snap.profile)
	if err != nil {
		return nil, err
	}
	resource, err := oauth.ParseResources(q.form, q.client)
	if err != nil {
		return nil, err
	}
	if err := s.spend(q.Context(), q.spends...); err != nil {
		return nil, err
	}
	now := s.Now()
	t := oauth.NewClientToken(newID(), q.client, &q.snap.profile, scope, resource, q.proof, now)
	text, err := s.encodeAccess(q.Context(), q.snap, q.client, nil, &t, now)
	if err != nil {
		return nil, err
	}
	answer := oauth.NewTokenResponse(&t, text)
	return &answer, nil
}

// asSpent turns the answer of a verb that uses one-time values up into a protocol error.
func asSpent(err error) *oauth.Error {
	var spent *store.SpentError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &spent):
		return web.AsError(err)
	}
	if e, known := spentErrors[spent.Kind]; known {
		return e
	}
	return oauth.Errorf(oauth.InvalidGrant, "The %s was used before.", spent.Kind)
}
