package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// introspector asks the server what a token is worth (RFC 7662).
type introspector struct {
	*settings
	server  *server
	answers *answers
}

func newIntrospector(s *settings, server *server) *introspector {
	i := &introspector{settings: s, server: server}
	i.answers = newAnswers(s.staleness, s.now, i.ask)
	return i
}

func (i *introspector) check(ctx context.Context, text string) (Token, error) {
	t, err := i.answers.get(ctx, text)
	if err != nil {
		return Token{}, err
	}
	// An answer may be older than the token's end.
	if !t.Expires.IsZero() && !i.now().Before(t.Expires) {
		return Token{}, inactive
	}
	return t, nil
}

// ask makes one introspection request.
func (i *introspector) ask(ctx context.Context, text string) (Token, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*timeout)
	defer cancel()
	m, err := i.server.metadata.get(ctx)
	if err != nil {
		return Token{}, err
	}
	form := url.Values{"token": {text}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.IntrospectionEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return Token{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	// RFC 6749 §2.3.1: both halves are form-encoded before they go into HTTP Basic.
	req.SetBasicAuth(url.QueryEscape(i.id), url.QueryEscape(i.secret))
	body, err := i.server.do(req)
	if err != nil {
		return Token{}, err
	}
	return i.judge(body)
}

// judge reads an answer (RFC 7662 §2.2).
func (i *introspector) judge(body []byte) (Token, error) {
	t, c, err := parseToken(body)
	if c == nil {
		return Token{}, fmt.Errorf("introspection answered %w", err)
	}
	if active, ok := c["active"].(bool); !ok {
		return Token{}, errors.New("introspection did not say whether the token is active")
	} else if !active {
		return Token{}, inactive
	}
	if err != nil {
		return Token{}, inactive.because(err)
	}
	notBefore, err := c.time("nbf")
	_, hasIssuer := c["iss"]
	switch kind := strings.ToLower(c.text("token_type")); {
	case kind != "bearer" && kind != "dpop":
		// The endpoint tells of refresh tokens too, which say nothing of a type (RFC 6749 §5.1).
		return Token{}, invalid("The token is no access token.")
	case hasIssuer && c.text("iss") != i.issuer:
		return Token{}, invalid("The token is from another issuer.")
	case !c.isFor(i.audience):
		return Token{}, invalid("The token is for another audience.")
	case err != nil || notBefore.After(i.now().Add(leeway)):
		return Token{}, inactive.because(err)
	}
	return t, nil
}
