package server

import (
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// exchange trades a user's access token, which the client got from whoever calls it, for one of its own (RFC 8693): for
// less, or for somewhere else, and never for longer. It hangs off the same grant, so whatever ends that ends it.
func (s *Server) exchange(q *tokenRequest) (*oauth.TokenResponse, *oauth.Error) {
	if q.client.IsPublic() { // RFC 8693 §5: else whoever finds a token could trade it
		return nil, oauth.Errorf(oauth.UnauthorizedClient, "Token exchange is for clients that authenticate.")
	}
	request, err := oauth.ParseExchange(q.form, q.client)
	if err != nil {
		return nil, err
	}
	subject, err := s.subjectOf(q, &request)
	if err != nil {
		return nil, err
	}
	scope, err := request.ExchangedScope(&subject.token, q.client, &q.snap.profile)
	if err != nil {
		return nil, err
	}
	if err := s.spend(q.Context(), q.spends...); err != nil {
		return nil, err
	}
	now := s.Now()
	t := request.Exchange(newID(), &subject.token, &subject.standing, scope, q.client, &q.snap.profile, q.proof, now)
	asked := *q.client
	if request.Wanted == oauth.TokenTypeJWT {
		asked.AccessTokenFormat = oauth.FormatJWT
	}
	text, err := s.encodeAccess(q.Context(), q.snap, &asked, &subject.standing.Session, &t, now)
	if err != nil {
		return nil, err
	}
	answer := oauth.NewTokenResponse(&t, text)
	answer.IssuedTokenType = string(request.Wanted)
	return &answer, nil
}

// subjectOf finds the subject token. It has to be a user's, good right now, and where it is bound to a key, the request has
// to prove that very key: whoever merely found such a token must not turn it into one of their own.
func (s *Server) subjectOf(q *tokenRequest, request *oauth.ExchangeRequest) (*activeToken, *oauth.Error) {
	if request.Subject == oauth.TokenTypeJWT && !token.IsJWT(request.SubjectToken) {
		return nil, oauth.BadSubject
	}
	active, err := s.activeToken(q.Request, request.SubjectToken)
	if err != nil {
		return nil, err
	}
	if active == nil || active.token.IsClients() || !active.token.Confirmation.Proves(q.proof.JKT, certificateOf(q.Request)) {
		return nil, oauth.BadSubject
	}
	if len(active.token.Audience) == 0 {
		active.token.Audience = active.client.Audience
	}
	return active, nil
}
