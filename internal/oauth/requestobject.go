package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
)

// TypeRequestObject is the typ of a request object that is meant as nothing else (RFC 9101 §10.8).
const TypeRequestObject = "oauth-authz-req+jwt"

// RequestURIPrefix begins the request_uri of a pushed request (RFC 9126 §2.2), which is no address to fetch from.
const RequestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// maxRequestAge bounds a request object: nbf is at most so old, and exp at most so long after it (FAPI 2.0 Message
// Signing §5.3.1).
const maxRequestAge = time.Hour

// claimsOfJWT are claims about the request object itself, not parameters of the request (RFC 7519 §4.1).
var claimsOfJWT = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

// RequestObject is a verified request object (RFC 9101 §4).
type RequestObject struct {
	// Type is the typ header, if any.
	Type string
	// Parameters are those of the authorization request.
	Parameters url.Values
	signedBy
}

// ParseRequestObject reads the claims of a request object as parameters: text and numbers as they are, the texts of a
// list each (resource, RFC 8707 §2), anything else as JSON (claims, OpenID Connect Core §5.5).
func ParseRequestObject(typ string, claims []byte) (RequestObject, error) {
	c, err := parseClaims(claims)
	if err != nil {
		return RequestObject{}, err
	}
	o := RequestObject{Type: typ, Parameters: url.Values{}}
	if o.signedBy, err = c.signedBy(); err != nil {
		return RequestObject{}, err
	}
	for name, raw := range c {
		if slices.Contains(claimsOfJWT, name) {
			continue
		}
		values, err := parameterValues(raw)
		if err != nil {
			return RequestObject{}, err
		}
		if len(values) > 0 {
			o.Parameters[name] = values
		}
	}
	return o, nil
}

func parameterValues(raw json.RawMessage) ([]string, error) {
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return []string{s}, err
	case '[':
		var list []string
		if json.Unmarshal(raw, &list) != nil {
			return nil, errors.New("a list in it holds something other than text")
		}
		return list, nil
	case 'n': // null: as good as absent
		return nil, nil
	}
	var compact bytes.Buffer
	err := json.Compact(&compact, raw)
	return []string{compact.String()}, err
}

// Check holds a request object against its client and the time (RFC 9101 §4, §5.2, §6.3). The claims about the object
// itself may be absent, save nbf and exp of a client that has to sign; where they are there they have to be right.
func (o *RequestObject) Check(c *Client, issuer string, now time.Time) error {
	switch {
	case o.Type != "" && !strings.EqualFold(o.Type, "JWT") && !strings.EqualFold(o.Type, TypeRequestObject):
		return errors.New("its typ is that of something else")
	case o.Parameters.Has("request") || o.Parameters.Has("request_uri"):
		return errors.New("it holds request or request_uri")
	case o.Parameters.Has("client_id") && !slices.Equal(o.Parameters["client_id"], []string{c.ID}):
		return errors.New("its client_id is not that of the request")
	case o.Issuer != "" && o.Issuer != c.ID:
		return errors.New("its iss is not the client")
	case len(o.Audience) > 0 && !slices.Contains(o.Audience, issuer):
		return errors.New("its aud does not name this server")
	case c.RequireSigned && (o.NotBefore.IsZero() || o.Expires.IsZero()): // FAPI 2.0 Message Signing §5.3.1
		return errors.New("it lacks nbf or exp")
	case !o.NotBefore.IsZero() && now.Sub(o.NotBefore) > maxRequestAge+ForeignSkew:
		return errors.New("its nbf is too old")
	case !o.NotBefore.IsZero() && o.Expires.Sub(o.NotBefore) > maxRequestAge:
		return errors.New("its exp is too long after its nbf")
	}
	return o.inTime(now)
}

// Merge gives the parameters that count. By RFC 9101 §6.3 those are the object's alone. OpenID Connect Core §6.1 has the
// object supersede the query's parameters and takes the others from there: so it is for an OpenID Connect request, save
// where the client promised signed requests (RFC 9101 §10.5) or the object says by its typ that it is one of RFC 9101.
func (o *RequestObject) Merge(c *Client, q url.Values) (url.Values, error) {
	merged := url.Values{}
	scope, _ := ParseScope(q.Get("scope"))
	if HasOpenID(scope) && !c.RequireSigned && !strings.EqualFold(o.Type, TypeRequestObject) {
		if t := o.Parameters["response_type"]; len(t) > 0 && q.Has("response_type") && !slices.Equal(t, q["response_type"]) {
			return nil, errors.New("its response_type is not that of the query")
		}
		for name, values := range q {
			if name != "request" && name != "request_uri" {
				merged[name] = values
			}
		}
	}
	for name, values := range o.Parameters {
		merged[name] = values
	}
	merged["client_id"] = []string{c.ID}
	return merged, nil
}

// AllowsRequestURI tells whether a request object of the client may be fetched there: it is https and registered, a
// fragment aside (OpenID Connect Core §6.2, RFC 9101 §10.4).
func (c *Client) AllowsRequestURI(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return false
	}
	uri, _, _ = strings.Cut(uri, "#")
	return slices.ContainsFunc(c.RequestURIs, func(registered string) bool {
		registered, _, _ = strings.Cut(registered, "#")
		return registered == uri
	})
}

// RequestObjectAlgs are the algorithms that the client's request objects may have. A client that registered none may
// leave them unsigned (OpenID Connect Core §15.2, Registration §2): such a one says no more than a query would. Where
// requests have to be vouched for it may not.
func (c *Client) RequestObjectAlgs() []Alg {
	switch {
	case c.RequestObjectAlg == "" && c.IsFAPI():
		return StrongAlgs
	case c.RequestObjectAlg == "" && (c.RequireSigned || c.RequirePushed):
		return ClientAlgs
	case c.RequestObjectAlg == "":
		return slices.Concat(ClientAlgs, []Alg{AlgNone})
	case c.RequestObjectAlg == AlgNone && c.RequireSigned:
		return nil // RFC 9101 §10.5
	}
	return []Alg{c.RequestObjectAlg}
}

// AssertionAlgs are the algorithms that the client's assertions may have.
func (c *Client) AssertionAlgs() []Alg {
	switch {
	case c.AuthMethod == AuthSecretJWT:
		return []Alg{HS256}
	case c.AuthMethod != AuthPrivateKeyJWT:
		return nil
	}
	algs := ClientAlgs
	if c.IsFAPI() {
		algs = StrongAlgs
	}
	switch {
	case slices.Contains(algs, c.AssertionAlg):
		return []Alg{c.AssertionAlg}
	case c.AssertionAlg != "":
		return nil
	}
	return algs
}
