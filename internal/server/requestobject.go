package server

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/usher-id/usher/internal/fair"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// requestParameters gives the parameters of an authorization request that count, where some may be in a request object
// by value or by reference (RFC 9101, OpenID Connect Core §6). Pushed requests are not resolved here: their
// request_uri comes back as it is.
func (s *Server) requestParameters(ctx context.Context, snap *snapshot, client *oauth.Client, q url.Values) (url.Values, *oauth.Error) {
	for _, name := range []string{"request", "request_uri", "client_id"} {
		if len(q[name]) > 1 {
			return nil, oauth.Errorf(oauth.InvalidRequest, "The parameter %s is repeated.", name)
		}
	}
	request, uri := q.Get("request"), q.Get("request_uri")
	switch {
	case request != "" && uri != "": // RFC 9101 §5
		return nil, oauth.Errorf(oauth.InvalidRequest, "A request has request or request_uri, not both.")
	case strings.HasPrefix(uri, oauth.RequestURIPrefix):
		return q, nil
	case request == "" && uri == "":
		if client.RequireSigned {
			return nil, oauth.Errorf(oauth.InvalidRequest, "This client has to send its requests as signed request objects.")
		}
		return q, nil
	case uri != "":
		fetched, err := s.fetchRequest(ctx, client, uri)
		if err != nil {
			return nil, err
		}
		request = fetched
	}
	return s.openRequest(ctx, client, request, q)
}

// fetchRequest fetches a request object from where the client registered that it may be (RFC 9101 §5.2, §10.4).
func (s *Server) fetchRequest(ctx context.Context, c *oauth.Client, uri string) (string, *oauth.Error) {
	if !c.AllowsRequestURI(uri) {
		return "", oauth.Errorf(oauth.InvalidRequestURI, "The request_uri is not one that the client registered, or not https.")
	}
	uri, _, _ = strings.Cut(uri, "#")
	document, err := s.outbound.get(ctx, c.ID, uri)
	if errors.Is(err, fair.ErrFull) {
		return "", oauth.Errorf(oauth.TemporarilyUnavailable,
			"Too many request objects are being fetched. Try again in a moment.").Because(err)
	}
	if err != nil {
		return "", oauth.Errorf(oauth.InvalidRequestURI, "The request object could not be fetched from the request_uri.").Because(err)
	}
	return strings.TrimSpace(string(document)), nil
}

// openRequest verifies a request object and gives the parameters that count.
func (s *Server) openRequest(ctx context.Context, c *oauth.Client, request string, q url.Values) (url.Values, *oauth.Error) {
	f, err := token.ParseForeign(request, c.RequestObjectAlgs())
	if err != nil {
		return nil, oauth.Errorf(oauth.InvalidRequestObject, "The request object is not a JWT, or not signed as this client has to.").Because(err)
	}
	claims := f.Unverified()
	if f.Alg != oauth.AlgNone {
		if claims, err = s.verifyOf(ctx, c, f); err != nil {
			return nil, oauth.Errorf(oauth.InvalidRequestObject, "The signature of the request object could not be verified.").Because(err)
		}
	}
	o, err := oauth.ParseRequestObject(f.Type, claims)
	if err == nil {
		err = o.Check(c, s.issuer, s.Now())
	}
	if err != nil {
		return nil, oauth.Errorf(oauth.InvalidRequestObject, "The request object is not valid: %s.", err).Because(err)
	}
	merged, err := o.Merge(c, q)
	if err != nil {
		return nil, oauth.Errorf(oauth.InvalidRequestObject, "The request object is not valid: %s.", err).Because(err)
	}
	return merged, nil
}
