package oauth

import (
	"encoding/json"
	"maps"
	"slices"
)

// UserInfo is an answer of the userinfo endpoint (OpenID Connect Core §5.3.2): sub, and what scope (§5.4) and claims
// parameter (§5.5) let the client know.
func UserInfo(t *AccessToken, a *Account, p *Profile) map[string]any {
	claims := UserClaims(a, Union(ClaimsOf(t.Scope, p), t.Claims))
	claims["sub"] = t.Subject
	return claims
}

// SignedUserInfo is the same as a JWT, which says who made it, and for whom (OpenID Connect Core §5.3.2).
func SignedUserInfo(claims map[string]any, issuer string, c *Client) map[string]any {
	claims["iss"], claims["aud"] = issuer, c.ID
	return claims
}

// ClaimsOf lists the claims that a scope gives.
func ClaimsOf(scope []string, p *Profile) []string {
	var names []string
	for _, v := range scope {
		if s, known := p.ScopeNamed(v); known {
			names = append(names, s.Claims...)
		}
	}
	return names
}

// UserClaims looks up what is known of the user under the given names. What is not known is left out (OpenID Connect
// Core §5.3.2), and so is every name that is not a claim about the user but one of the token's own.
func UserClaims(a *Account, names []string) map[string]any {
	known := attributes(a)
	maps.DeleteFunc(known, func(name string, _ any) bool { return !slices.Contains(names, name) })
	return known
}

// attributes gathers all claims about the user.
func attributes(a *Account) map[string]any {
	known := map[string]any{}
	if len(a.Attributes) > 0 {
		var more map[string]json.RawMessage
		if json.Unmarshal(a.Attributes, &more) == nil { // it was checked when it was set
			for name, value := range more {
				if !ReservedClaim(name) {
					known[name] = value
				}
			}
		}
	}
	for name, value := range map[string]string{"name": a.Name, "preferred_username": a.Username, "email": a.Email} {
		if value != "" {
			known[name] = value
		}
	}
	return known
}

// ReservedClaim tells whether the name is a token's own claim, which no attribute of a user may set.
func ReservedClaim(name string) bool {
	return slices.Contains([]string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "at_hash", "c_hash", "s_hash", "sid", "amr", "acr", "azp",
		"cnf", "act", "scope", "client_id", "events",
	}, name)
}

// ClaimsRequest is what the claims parameter asks for (OpenID Connect Core §5.5).
type ClaimsRequest struct {
	// UserInfo and IDToken are the names of claims to return there beside what the scope gives.
	UserInfo []string `json:"u,omitempty"`
	IDToken  []string `json:"i,omitempty"`
	// Subject is the user that the answer has to be about; empty for any.
	Subject string `json:"s,omitempty"`
	// EssentialACR demands one of these authentication contexts (§5.5.1.1).
	EssentialACR []string `json:"a,omitempty"`
}

// ParseClaims reads the claims parameter, a JSON object. Members that are not understood are ignored (§5.5).
func ParseClaims(text string) (ClaimsRequest, *Error) {
	var r ClaimsRequest
	if text == "" {
		return r, nil
	}
	var asked struct {
		UserInfo map[string]*claimRequest `json:"userinfo"`
		IDToken  map[string]*claimRequest `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(text), &asked); err != nil {
		return r, Errorf(InvalidRequest, "The parameter claims is not the JSON object that it should be.").Because(err)
	}
	r.UserInfo, r.IDToken = slices.Sorted(maps.Keys(asked.UserInfo)), slices.Sorted(maps.Keys(asked.IDToken))
	if len(r.UserInfo)+len(r.IDToken) > maxClaims {
		return r, Errorf(InvalidRequest, "The parameter claims asks for too many claims.")
	}
	for _, sub := range []*claimRequest{asked.IDToken["sub"], asked.UserInfo["sub"]} {
		if sub != nil && len(sub.all()) > 0 {
			r.Subject = sub.all()[0]
		}
	}
	if acr := asked.IDToken["acr"]; acr != nil && acr.Essential {
		r.EssentialACR = acr.all()
	}
	return r, nil
}

const maxClaims = 64

// claimRequest is the value of one claim in the request (§5.5.1). Values of other types are not for us.
type claimRequest struct {
	Essential bool              `json:"essential"`
	Value     json.RawMessage   `json:"value"`
	Values    []json.RawMessage `json:"values"`
}

func (r *claimRequest) all() []string {
	var texts []string
	for _, v := range append([]json.RawMessage{r.Value}, r.Values...) {
		var text string
		if json.Unmarshal(v, &text) == nil && text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// Permitted leaves of the request what a client may know at all: the claims of the scopes that it has.
func (r ClaimsRequest) Permitted(c *Client, p *Profile) ClaimsRequest {
	may := ClaimsOf(c.HasScope(p), p)
	beyond := func(name string) bool { return !slices.Contains(may, name) }
	r.UserInfo = slices.DeleteFunc(slices.Clone(r.UserInfo), beyond)
	r.IDToken = slices.DeleteFunc(slices.Clone(r.IDToken), beyond)
	return r
}

// Scope lists the scopes that give what the request asks for: what users are asked to agree to.
func (r ClaimsRequest) Scope(c *Client, p *Profile) []string {
	var scope []string
	for _, v := range c.HasScope(p) {
		s, _ := p.ScopeNamed(v)
		if slices.ContainsFunc(s.Claims, func(name string) bool {
			return slices.Contains(r.UserInfo, name) || slices.Contains(r.IDToken, name)
		}) {
			scope = append(scope, v)
		}
	}
	return scope
}
