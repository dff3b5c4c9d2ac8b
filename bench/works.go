package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// targets are the least ratios to the floor, by work and database; those of revocation are to a floor that
// writes the same rows.
var targets = map[string]map[string]float64{
	"renewal":       {"sqlite": 0.28, "postgres": 0.20},
	"introspection": {"sqlite": 0.35, "postgres": 0.28},
	"revocation":    {"sqlite": 0.80, "postgres": 0.50},

	"discovery":          {"sqlite": 0.50, "postgres": 0.50},
	"jwks":               {"sqlite": 0.50, "postgres": 0.50},
	"client-credentials": {"sqlite": 0.50, "postgres": 0.50},
	"prompt-none":        {"sqlite": 0.25, "postgres": 0.18},
}

// workNames and databaseNames are what can be chosen from.
var (
	workNames = []string{
		"renewal", "renewal-openid", "renewal-handle", "renewal-nonce", "introspection", "revocation", "sign-in",
		"discovery", "jwks", "client-credentials", "prompt-none", "code-exchange", "refresh", "refresh-rotating",
	}
	databaseNames = []string{"sqlite", "postgres"}
)

// works are the kinds of requests, in the order of workNames.
func (w *world) works(length time.Duration) []work {
	return []work{
		w.renewal("renewal", "read"), w.renewal("renewal-openid", "openid read"),
		w.renewalByHandle(length), w.renewalNonce(),
		w.introspection(), w.revocation(length), w.signIn(),
		document("discovery", "/oauth/v2/oauth-anonymous/.well-known/openid-configuration", `"issuer"`),
		document("jwks", "/oauth/v2/oauth-anonymous/jwks", `"kty"`),
		w.clientCredentials(), w.promptNone(), w.codeExchange(length), w.refresh(), w.refreshRotating(length),
	}
}

const assistedToken = "/oauth/v2/oauth-assisted-token"

func assistedQuery(scope string) string {
	return url.Values{"client_id": {appClient}, "for_origin": {appOrigin}, "scope": {scope}}.Encode()
}

// pageHeader is what a browser sends with a request for a page in a frame. The answers do not depend on most of
// it, but it has to be read.
const pageHeader = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en\r\n" +
	"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n"

// renewal asks for a token as the hidden frame does, each time for another user. Like the browser library it names the
// page's key, so a renewal handle is sealed with each answer, as renewalByHandle's answers have one.
func (w *world) renewal(name, scope string) work {
	var head []byte
	query := assistedQuery(scope) + "&prompt=none&nonce=n-0S6_WzA2Mj&dpop_jkt=" + w.page.jkt
	wanted := []string{`"status":"success"`, `"access_token":"usher_at_`, `"renewal_offered":true`}
	if name == "renewal-openid" {
		wanted = append(wanted, `"id_token":"ey`)
	}
	return work{
		name: name,
		prepare: func(t target) error {
			head = []byte("GET " + assistedToken + "?" + query + " HTTP/1.1\r\nHost: " + t.host + "\r\n" + pageHeader +
				"Sec-Fetch-Site: cross-site\r\nCookie: __Host-usher-session=")
			return nil
		},
		request: func(dst []byte, n int) []byte {
			dst = append(dst, head...)
			dst = append(dst, w.user(n).cookie...)
			return append(dst, "\r\n\r\n"...)
		},
		check: holds(200, wanted...),
	}
}

// user spreads requests over all users, neighbours in time far apart in the tables.
func (w *world) user(n int) user { return w.users[n%len(w.users)] }

// holds checks that an answer has the status and every one of the texts.
func holds(status int, texts ...string) func(answer) error {
	wanted := make([][]byte, len(texts))
	for i, text := range texts {
		wanted[i] = []byte(text)
	}
	return func(a answer) error {
		if a.status != status {
			return fmt.Errorf("status %d: %.300s", a.status, a.body)
		}
		for _, text := range wanted {
			if !bytes.Contains(a.body, text) {
				return fmt.Errorf("the answer lacks %s: %.300s", text, a.body)
			}
		}
		return nil
	}
}

const introspect = "/oauth/v2/oauth-introspect"

// introspection asks what tokens are worth, each time another.
func (w *world) introspection() work {
	var head []byte
	var tokens []string
	return work{
		name: "introspection",
		prepare: func(t target) (err error) {
			head = w.introspectionHead(t)
			if tokens == nil {
				tokens, err = w.accessTokens(len(w.users))
			}
			return err
		},
		request: func(dst []byte, n int) []byte { return appendForm(dst, head, "token=", tokens[n%len(tokens)]) },
		check:   holds(200, `"active":true`, `"scope":"read"`),
	}
}

func (w *world) introspectionHead(t target) []byte {
	basic := base64.StdEncoding.EncodeToString([]byte(apiClient + ":" + w.apiSecret))
	return []byte("POST " + introspect + " HTTP/1.1\r\nHost: " + t.host + "\r\nAuthorization: Basic " + basic +
		"\r\nAccept: application/json\r\n")
}

// appendForm appends a request with a form of two parts, which need no escaping.
func appendForm(dst, head []byte, first, second string) []byte {
	dst = append(dst, head...)
	dst = append(dst, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(first)+len(second)), 10)
	dst = append(dst, "\r\n\r\n"...)
	dst = append(dst, first...)
	return append(dst, second...)
}

// accessTokens makes fresh tokens, of one user after the other.
func (w *world) accessTokens(n int) ([]string, error) {
	tokens := make([]string, n)
	for i := range tokens {
		var err error
		if tokens[i], err = w.accessToken(w.user(i)); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

// revocationsPerSecond is more than any run reaches: so many tokens are made before it.
const revocationsPerSecond = 40_000

func (w *world) revocation(length time.Duration) work {
	return w.revocations(int(length.Seconds() * revocationsPerSecond))
}

// revocations end a fresh token with each of n requests, as the app that holds it.
func (w *world) revocations(n int) work {
	var head []byte
	var tokens []string
	return work{
		name: "revocation",
		prepare: func(t target) (err error) {
			head = []byte("POST /oauth/v2/oauth-revoke HTTP/1.1\r\nHost: " + t.host + "\r\nOrigin: " + appOrigin + "\r\n")
			tokens, err = w.accessTokens(n)
			return err
		},
		request: func(dst []byte, n int) []byte {
			return appendForm(dst, head, "client_id="+appClient+"&token=", tokens[n])
		},
		check: holds(200),
		once:  func() int { return len(tokens) },
		verify: func(t target, done int) error {
			return w.allInactive(t, tokens[:min(done, len(tokens))])
		},
	}
}

// allInactive introspects some of the tokens, all of which have to be worth nothing.
func (w *world) allInactive(t target, tokens []string) error {
	c, err := connect(t, 0)
	if err != nil {
		return err
	}
	defer c.close()
	head := w.introspectionHead(t)
	for range min(200, len(tokens)) {
		a, err := c.roundTrip(appendForm(nil, head, "token=", tokens[rand.IntN(len(tokens))]))
		if err != nil {
			return err
		}
		if a.status != 200 || string(bytes.TrimSpace(a.body)) != `{"active":false}` {
			return fmt.Errorf("a revoked token is answered with status %d: %s", a.status, a.body)
		}
	}
	return nil
}

var (
	flowField  = regexp.MustCompile(`name="flow" value="([^"]+)"`)
	flowCookie = regexp.MustCompile(`Set-Cookie: (__Host-usher-flow=[^;\r]+)`)
)

// signIn posts user name and password, each time of another user, and gets a session and a token.
func (w *world) signIn() work {
	var head []byte
	var flow string
	return work{
		name: "sign-in",
		prepare: func(t target) error {
			page, err := ask(t, []byte("GET "+assistedToken+"?"+assistedQuery("openid read")+" HTTP/1.1\r\nHost: "+t.host+"\r\n"+
				pageHeader+"Sec-Fetch-Site: cross-site\r\n\r\n"))
			if err != nil {
				return err
			}
			field, cookie := flowField.FindSubmatch(page.body), flowCookie.FindSubmatch(page.header)
			if page.status != 200 || field == nil || cookie == nil {
				return fmt.Errorf("the sign-in page lacks its flow (status %d): %.300s", page.status, page.body)
			}
			flow = "password=" + url.QueryEscape(password) + "&flow=" + url.QueryEscape(html.UnescapeString(string(field[1]))) + "&username="
			head = []byte("POST /authn/authentication/password HTTP/1.1\r\nHost: " + t.host + "\r\n" + pageHeader +
				"Sec-Fetch-Site: same-origin\r\nOrigin: https://" + t.host + "\r\nCookie: " + string(cookie[1]) + "\r\n")
			return nil
		},
		request: func(dst []byte, _ int) []byte {
			return appendForm(dst, head, flow, username(rand.IntN(len(w.users))))
		},
		check: holds(200, `"status":"success"`, `"access_token":"usher_at_`, `"id_token":"ey`),
	}
}

// parseNames reads a list of names that are all known.
func parseNames(list string, known []string) ([]string, error) {
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%q is none of: %s", name, strings.Join(known, ", "))
		}
	}
	return names, nil
}
