package javascriptspa

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds what is read of the server's answer.
const maxAnswer = 64 << 10

// errInactive: the server says that the token is worth nothing. It never says why (RFC 7662 §2.2).
var errInactive = errors.New("the token is not active")

// introspector asks the server what a token is worth (RFC 7662).
type introspector struct{ o Options }

// introspect returns the members of the server's answer, or errInactive.
func (i introspector) introspect(ctx context.Context, token string) (map[string]any, error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		i.o.Server+"/oauth/v2/oauth-introspect", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	// RFC 6749 §2.3.1: both halves are form-encoded before they go into HTTP Basic.
	req.SetBasicAuth(url.QueryEscape(i.o.IntrospectionClient), url.QueryEscape(i.o.IntrospectionSecret))
	resp, err := i.o.HTTPClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("introspection answered %s; are the API's credentials right?", resp.Status)
	}
	var claims map[string]any
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&claims); err != nil {
		return nil, fmt.Errorf("introspection answered no JSON object: %w", err)
	}
	if active, _ := claims["active"].(bool); !active {
		return nil, errInactive
	}
	return claims, nil
}
