package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
)

// document asks for a public document.
func document(name, path, wanted string) work {
	var request []byte
	return work{
		name: name,
		prepare: func(t target) error {
			request = []byte("GET " + path + " HTTP/1.1\r\nHost: " + t.host + "\r\nAccept: application/json\r\n\r\n")
			return nil
		},
		request: func(dst []byte, _ int) []byte { return append(dst, request...) },
		check:   holds(200, wanted),
	}
}

const (
	tokenEndpoint = "/oauth/v2/oauth-token"
	verifier      = "a-code-verifier-of-the-bench-has-43-characters"
)

// tokenHead begins a token request of the web app, which authenticates with its secret.
func (w *world) tokenHead(t target) []byte {
	basic := base64.StdEncoding.EncodeToString([]byte(webClient + ":" + w.webSecret))
	return []byte("POST " + tokenEndpoint + " HTTP/1.1\r\nHost: " + t.host + "\r\nAuthorization: Basic " + basic +
		"\r\nAccept: application/json\r\n")
}

// clientCredentials gets the web app a token of its own.
func (w *world) clientCredentials() work {
	var head []byte
	return work{
		name:    "client-credentials",
		prepare: func(t target) error { head = w.tokenHead(t); return nil },
		request: func(dst []byte, _ int) []byte {
			return appendForm(dst, head, "grant_type=client_credentials", "&scope=read")
		},
		check: holds(200, `"access_token":"usher_at_`),
	}
}

// promptNone asks the authorization endpoint for a code with prompt=none, each time for another user.
func (w *world) promptNone() work {
	var head []byte
	sum := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"client_id": {webClient}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid read"}, "prompt": {"none"},
		"state": {"af0ifjsldkj"}, "nonce": {"n-0S6_WzA2Mj"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
		"code_challenge_method": {"S256"},
	}.Encode()
	return work{
		name: "prompt-none",
		prepare: func(t target) error {
			head = []byte("GET /oauth/v2/oauth-authorize?" + query + " HTTP/1.1\r\nHost: " + t.host + "\r\n" + pageHeader +
				"Sec-Fetch-Site: cross-site\r\nCookie: __Host-usher-session=")
			return nil
		},
		request: func(dst []byte, n int) []byte {
			dst = append(dst, head...)
			dst = append(dst, w.user(n).cookie...)
			return append(dst, "\r\n\r\n"...)
		},
		check: func(a answer) error {
			location, _ := headerValue(a.header, "Location")
			to, err := url.Parse(string(location))
			if err != nil || a.status != 303 || to.Query().Get("code") == "" {
				return fmt.Errorf("status %d, Location %.200s", a.status, location)
			}
			return nil
		},
	}
}

// exchangesPerSecond is more than any run reaches: so many codes or refresh tokens are made before it.
const exchangesPerSecond = 8_000

// codeExchange trades a fresh code for tokens with each request: a family and a spent code are written.
func (w *world) codeExchange(length time.Duration) work {
	var head []byte
	var codes []string
	return work{
		name: "code-exchange",
		prepare: func(t target) (err error) {
			head = w.tokenHead(t)
			codes, err = w.codes(int(length.Seconds() * exchangesPerSecond))
			return err
		},
		request: func(dst []byte, n int) []byte {
			return appendForm(dst, head, "grant_type=authorization_code&redirect_uri="+url.QueryEscape(callback)+"&code=", codes[n])
		},
		check: holds(200, `"access_token":"usher_at_`, `"refresh_token":"usher_rt_`, `"id_token":"ey`),
		once:  func() int { return len(codes) },
	}
}

// codes makes fresh authorization codes, of one user after the other.
func (w *world) codes(n int) ([]string, error) {
	codes := make([]string, n)
	now := time.Now()
	for i := range codes {
		c := oauth.AuthorizationCode{
			ClientID: webClient, SessionID: w.user(i).session, RedirectURI: callback, Scope: []string{"openid", "read"}, Issued: now,
		}
		rand.Read(c.ID[:])
		var err error
		if codes[i], err = w.seal(token.KindCode, c); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

func (w *world) seal(kind token.Kind, content any) (string, error) {
	plain, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	return w.ring.Seal(kind, time.Now(), plain)
}

// steadyFamilies is how many families share the load of refresh.
const steadyFamilies = 5_000

// refresh uses refresh tokens of a client that authenticates: they stay as they are.
func (w *world) refresh() work {
	var head []byte
	var tokens []string
	return work{
		name: "refresh",
		prepare: func(t target) (err error) {
			head = w.tokenHead(t)
			if tokens == nil {
				tokens, err = w.refreshTokens(steadyFamilies, webClient)
			}
			return err
		},
		request: func(dst []byte, n int) []byte {
			return appendForm(dst, head, "grant_type=refresh_token&refresh_token=", tokens[n%len(tokens)])
		},
		check: holds(200, `"access_token":"usher_at_`, `"id_token":"ey`),
	}
}

// refreshRotating uses each refresh token of a public client once: the family advances.
func (w *world) refreshRotating(length time.Duration) work {
	var head []byte
	var tokens []string
	return work{
		name: "refresh-rotating",
		prepare: func(t target) (err error) {
			head = []byte("POST " + tokenEndpoint + " HTTP/1.1\r\nHost: " + t.host + "\r\nOrigin: " + appOrigin + "\r\n")
			tokens, err = w.refreshTokens(int(length.Seconds()*exchangesPerSecond), appClient)
			return err
		},
		request: func(dst []byte, n int) []byte {
			return appendForm(dst, head, "client_id="+appClient+"&grant_type=refresh_token&refresh_token=", tokens[n])
		},
		check: holds(200, `"access_token":"usher_at_`, `"refresh_token":"usher_rt_`),
		once:  func() int { return len(tokens) },
	}
}

// refreshTokens starts families in the database and makes their first refresh tokens.
func (w *world) refreshTokens(n int, clientID string) ([]string, error) {
	s, err := sqlstore.Open(context.Background(), sqlstore.Options{URL: w.database, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	tokens, failed := make([]string, n), make([]error, startsAtOnce)
	var all sync.WaitGroup
	for start := range startsAtOnce {
		all.Go(func() {
			for i := start; i < n && failed[start] == nil; i += startsAtOnce {
				tokens[i], failed[start] = w.startFamily(s, w.user(i), clientID)
			}
		})
	}
	all.Wait()
	return tokens, errors.Join(append(failed, s.Close())...)
}

const startsAtOnce = 64

func (w *world) startFamily(s *sqlstore.Store, u user, clientID string) (string, error) {
	now := time.Now()
	f := oauth.Family{
		DelegationID: u.app, SessionID: u.session, AccountID: u.account, ClientID: clientID, Rotated: now, Created: now,
		AuthTime: w.began, AMR: []string{oauth.AMRPassword}, ACR: oauth.ACRPassword, Expires: now.Add(tokenLifetime),
	}
	if clientID == webClient {
		f.DelegationID = u.web
	}
	rand.Read(f.ID[:])
	code := store.OneTime{Kind: "code", Owner: clientID, ID: f.ID.String(), Expires: now.Add(time.Minute)}
	if err := s.Redeem(context.Background(), code, nil, f, now, store.Audit{}); err != nil {
		return "", err
	}
	return w.seal(token.KindRefresh, oauth.RefreshToken{FamilyID: f.ID, ClientID: clientID, Scope: []string{"openid", "read"}, Expires: f.Expires})
}
