package oauth

import (
	"net/url"
	"slices"
	"time"
)

// TokenType names what a security token is (RFC 8693 §3).
type TokenType string

// The types that can be exchanged here, and that come out.
const (
	TokenTypeAccess TokenType = "urn:ietf:params:oauth:token-type:access_token"
	TokenTypeJWT    TokenType = "urn:ietf:params:oauth:token-type:jwt"
)

// ExchangeRequest is a token exchange request (RFC 8693 §2.1).
type ExchangeRequest struct {
	SubjectToken string
	// Subject is what the client says that the subject token is, Wanted what it asks for.
	Subject, Wanted TokenType
	Scope           []string
	// Audience is what the token is to be for: what the request names as resource or as audience.
	Audience []string
}

// ParseExchange reads the parameters. There is no actor but the client itself: it is who acts for the subject (§4.1).
func ParseExchange(q url.Values, c *Client) (ExchangeRequest, *Error) {
	var r ExchangeRequest
	var subject, wanted, scope string
	err := fields(q, field{"subject_token_type", &subject}, field{"requested_token_type", &wanted}, field{"scope", &scope})
	if err == nil {
		r.SubjectToken, err = singleLong(q, "subject_token")
	}
	if err != nil {
		return r, err
	}
	r.Subject, r.Wanted = TokenType(subject), TokenType(wanted)
	if wanted == "" {
		r.Wanted = TokenTypeAccess
	}
	switch {
	case r.SubjectToken == "" || subject == "":
		return r, Errorf(InvalidRequest, "The request lacks the subject_token or its subject_token_type.")
	case q.Has("actor_token") || q.Has("actor_token_type"):
		return r, Errorf(InvalidRequest, "An actor_token is not supported: the client itself is the actor.")
	case r.Subject != TokenTypeAccess && r.Subject != TokenTypeJWT:
		return r, Errorf(InvalidRequest, "A subject_token of the type %s is not supported.", brief(subject))
	case r.Wanted != TokenTypeAccess && r.Wanted != TokenTypeJWT:
		return r, Errorf(InvalidRequest, "The requested_token_type %s is not supported.", brief(wanted))
	}
	if r.Scope, err = ParseScope(scope); err != nil {
		return r, err
	}
	r.Audience, err = parseAudience(q, c)
	return r, err
}

// parseAudience reads resource and audience (RFC 8693 §2.1), which may be several. A client may name what it is
// registered for.
func parseAudience(q url.Values, c *Client) ([]string, *Error) {
	list, err := ParseResources(q, c)
	if err != nil {
		return nil, err
	}
	for _, v := range q["audience"] {
		switch {
		case v == "" || slices.Contains(list, v):
			continue
		case !slices.Contains(c.Audience, v) && !slices.Contains(c.Resources, v) || len(list) == maxResources:
			return nil, Errorf(InvalidTarget, "The client %s may not ask for the audience %s.", c.ID, brief(v))
		}
		list = append(list, v)
	}
	return list, nil
}

// BadSubject is the answer to every subject token that is not good, whatever the reason (RFC 8693 §2.2.2).
var BadSubject = Errorf(InvalidRequest, "The subject_token is not an active access token of a user, or is bound to a key that the request does not prove.")

// ExchangedScope answers which scope the new token gets: what the request names, which subject token and client both
// have to have, else all that they have in common. Nothing that only makes sense with a refresh token is passed on.
func (r *ExchangeRequest) ExchangedScope(t *AccessToken, c *Client, p *Profile) ([]string, *Error) {
	has := c.HasScope(p)
	lost := func(v string) bool {
		_, known := p.ScopeNamed(v)
		return !known || !slices.Contains(has, v) || v == ScopeOfflineAccess
	}
	common := slices.DeleteFunc(slices.Clone(t.Scope), lost)
	if len(r.Scope) == 0 {
		return slices.DeleteFunc(common, IsOperatorScope), nil
	}
	if !Subset(r.Scope, common) {
		return nil, Errorf(InvalidScope, "The request names scope that the subject token or the client %s does not have.", c.ID)
	}
	return r.Scope, nil
}

// Exchange says what the new token contains. It hangs off what the subject token hangs off, lives no longer, and names
// the client as the actor (RFC 8693 §4.1); of a chain of exchanges the last actor alone is told. A key that the subject token
// is bound to binds the new one too, unless the client proved another beside it. Where neither request nor client says what
// it is for, it is for what the subject token is for.
func (r *ExchangeRequest) Exchange(id ID, subject *AccessToken, st *Standing, scope []string, c *Client, p *Profile, proof Confirmation, now time.Time) AccessToken {
	issued := now.Truncate(time.Second)
	t := AccessToken{
		ID: id, DelegationID: subject.DelegationID, FamilyID: subject.FamilyID, ClientID: c.ID, Actor: c.ID,
		Subject: p.Subject(c, st.Account.ID), Scope: scope, Audience: r.Audience, Confirmation: proof,
		Issued: issued, Expires: issued.Add(AccessTokenLifetime(c, p)),
	}
	if subject.Expires.Before(t.Expires) {
		t.Expires = subject.Expires
	}
	if proof.IsZero() {
		t.Confirmation = subject.Confirmation
	}
	if len(t.Audience) == 0 && len(c.Audience) == 0 { // else it would be for the issuer, and so for every API
		t.Audience = subject.Audience
	}
	return t
}

// Proves tells whether who proved the two keys may use a token that is bound like this.
func (c Confirmation) Proves(jkt, x5t string) bool {
	return (c.JKT == "" || c.JKT == jkt) && (c.X5T == "" || c.X5T == x5t)
}
