package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	app      = "faults-app" // public, in a browser
	api      = "faults-api" // introspects
	tuned    = "faults-tuned"
	origin   = "https://app.example.com"
	callback = origin + "/callback"
	password = "seven green bicycles"
	verifier = "a-code-verifier-of-the-faults-is-long-enough-"
	scope    = "openid read"

	assistedPath = "/oauth/v2/oauth-assisted-token"
	tokenPath    = "/oauth/v2/oauth-token"
	sessionName  = "__Host-usher-session"
	flowName     = "__Host-usher-flow"
)

// worker is one user with a browser and an app. It does one thing after the other, so it knows what
// each answer has to be.
type worker struct {
	*ledger
	circle   *circle
	user     string
	secrets  map[string]string
	clients  []*client
	sessions []*session
	tokens   []*accessToken
	families []*family
}

// send sends a request to a node; to the next one where no connection comes about.
func (w *worker) send(q request) answer {
	first := rand.IntN(len(w.clients))
	var a answer
	for i := range w.clients {
		a = w.sendTo(w.clients[(first+i)%len(w.clients)], q)
		if a.outcome != unreachable {
			break
		}
	}
	w.circle.note(a)
	return a
}

func (w *worker) sendTo(c *client, q request) answer {
	a := c.send(q)
	w.note(a)
	return a
}

// work does something, until it is stopped, at most once an interval.
func (w *worker) work(stop *atomic.Bool, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for !stop.Load() {
		w.act()
		<-tick.C
	}
}

// act chooses what to do next.
func (w *worker) act() {
	s, n := pick(w.sessions), rand.IntN(100)
	if s == nil || s.state != live || len(w.tokens) == 0 || n < 4 {
		w.signIn()
		return
	}
	switch t, f := pick(w.tokens), pick(w.families); {
	case n < 30:
		w.renew(s)
	case n < 54:
		w.introspect(t)
	case n < 70 || f == nil:
		w.codeFlow(s, n%3 == 0)
	case n < 82:
		w.refresh(f)
	case n < 92:
		w.revoke(t)
	case n < 94:
		w.revokeFamily(f)
	case n < 97:
		w.replay(f)
	default:
		w.signOut(s)
	}
}

// pick prefers what is young: most of what is old has ended.
func pick[T any](from []*T) *T {
	if len(from) == 0 {
		return nil
	}
	return from[len(from)-1-rand.IntN(min(len(from), 12))]
}

func frame(site string) map[string]string {
	return map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": site}
}

func assistedQuery(more ...string) url.Values {
	q := url.Values{"client_id": {app}, "for_origin": {origin}, "scope": {scope}, "nonce": {"n-0S6_WzA2Mj"}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return q
}

var flowField = regexp.MustCompile(`name="flow" value="([^"]+)"`)

func (w *worker) signIn() {
	page := w.send(request{name: "sign-in page", path: assistedPath, query: assistedQuery(), header: frame("cross-site")})
	if page.outcome != answered {
		return
	}
	flow := flowField.FindStringSubmatch(page.body)
	if flow == nil {
		w.wrong("the sign-in page has no form", page, &trail{})
		return
	}
	w.succeeded(page, false)
	header := frame("same-origin")
	header["Origin"] = baseURL
	a := w.send(request{
		name: "sign-in", path: "/authn/authentication/password", cookie: page.setCookie(flowName), header: header,
		form: url.Values{"username": {w.user}, "password": {password}, "flow": {html.UnescapeString(flow[1])}},
	})
	if a.outcome != answered {
		return
	}
	a.excuse = either(a.excuse, page.excuse) // whose node sealed the time into the form
	s := &session{user: w.user, cookie: a.setCookie(sessionName), state: a.given()}
	s.add(a, w.user)
	if a.text("status") != "success" || s.cookie == "" {
		w.wrong("a right password is refused", a, &trail{})
		return
	}
	w.succeeded(a, true)
	w.sessions = append(w.sessions, s)
	w.keep(a, s, nil)
}

// keep notes the access token of an answer, and whose it says it is.
func (w *worker) keep(a answer, s *session, f *family) *accessToken {
	if id := a.text("id_token"); id != "" {
		w.subject(s.user, subjectOf(id), a)
	}
	t := &accessToken{text: a.text("access_token"), session: s, family: f, state: a.given()}
	t.add(a, s.user)
	w.tokens = append(w.tokens, t)
	return t
}

func subjectOf(idToken string) string {
	parts := strings.Split(idToken, ".")
	if len(parts) != 3 {
		return ""
	}
	text, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Sub string }
	json.Unmarshal(text, &claims) // what cannot be read has no subject
	return claims.Sub
}

// renew asks silently. The session's state decides what is right.
func (w *worker) renew(s *session) {
	w.renewAt(nil, s)
}

// renewAt is renew at one node, or at any where c is nil.
func (w *worker) renewAt(c *client, s *session) {
	a := w.at(c, request{
		name: "renewal", path: assistedPath, query: assistedQuery("prompt", "none"), cookie: s.cookie, header: frame("cross-site"),
	})
	if a.outcome != answered {
		return
	}
	s.add(a, "")
	switch given := a.text("status") == "success"; {
	case given && s.state == ended:
		w.wrong(worst+"a session that was ended gives tokens", a, &s.trail)
	case !given && s.state == live:
		w.wrong("a session that was acknowledged gives no token", a, &s.trail)
	case given:
		w.succeeded(a, false)
		w.keep(a, s, nil)
	case !a.excuse.refuses:
		s.state = ended // once over, it stays over
		w.succeeded(a, false)
	}
}

func (w *worker) at(c *client, q request) answer {
	if c == nil {
		return w.send(q)
	}
	return w.sendTo(c, q)
}

func (w *worker) introspect(t *accessToken) { w.introspectAt(nil, t) }

func (w *worker) introspectAt(c *client, t *accessToken) {
	a := w.at(c, request{
		name: "introspection", path: "/oauth/v2/oauth-introspect", secret: [2]string{api, w.secrets[api]},
		form: url.Values{"token": {t.text}}, header: map[string]string{"Accept": "application/json"},
	})
	if a.outcome != answered {
		return
	}
	active, said := a.fields["active"].(bool)
	what := "says active: false"
	if active {
		what = "says active: true"
	}
	t.add(a, what)
	switch want := t.expected(); {
	case !said:
		w.wrong("introspection does not say whether the token is active", a, &t.trail)
	case active && want == ended:
		w.wrong(worst+"introspection takes a token for active that was ended", a, t.evidence())
	case !active && want == live:
		w.wrong("introspection takes a token for inactive that was acknowledged", a, t.evidence())
	case active:
		w.subject(t.session.user, a.text("sub"), a)
		w.succeeded(a, false)
	case !a.excuse.refuses:
		t.state = ended
		w.succeeded(a, false)
	}
}

// evidence is the trail of the token and of all that it depends on.
func (t *accessToken) evidence() *trail {
	all := trail{append([]string{"session:"}, t.session.steps...)}
	if t.family != nil {
		all.steps = append(append(all.steps, "family:"), t.family.steps...)
	}
	all.steps = append(append(all.steps, "token:"), t.steps...)
	return &all
}

// codeFlow gets a code and exchanges it, by two requests at once where double.
func (w *worker) codeFlow(s *session, double bool) {
	sum := sha256.Sum256([]byte(verifier))
	a := w.send(request{name: "authorization", path: "/oauth/v2/oauth-authorize", cookie: s.cookie, header: frame("cross-site"),
		query: url.Values{
			"client_id": {app}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {scope}, "prompt": {"none"},
			"state": {"af0ifjsldkj"}, "nonce": {"n-0S6_WzA2Mj"}, "code_challenge_method": {"S256"},
			"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
		}})
	if a.outcome != answered {
		return
	}
	s.add(a, "")
	code := a.text("code")
	if code == "" {
		w.wrong("a session that was acknowledged gives no code", a, &s.trail)
		return
	}
	w.succeeded(a, false)
	f := &family{session: s, code: code, state: a.given()}
	if f.state == live {
		f.began = a.start // else nobody knows when the code expires
	}
	answers := make([]answer, 1, 2)
	var all sync.WaitGroup
	if double {
		answers = answers[:2]
		all.Go(func() { answers[1] = w.send(exchange(code)) })
	}
	answers[0] = w.send(exchange(code))
	all.Wait()
	w.exchanged(f, answers)
}

func exchange(code string) request {
	return request{name: "code exchange", path: tokenPath, header: map[string]string{"Origin": origin}, form: url.Values{
		"grant_type": {"authorization_code"}, "client_id": {app}, "redirect_uri": {callback}, "code": {code}, "code_verifier": {verifier},
	}}
}

// exchanged judges one or two exchanges of a fresh code: exactly one succeeds.
func (w *worker) exchanged(f *family, answers []answer) {
	var first answer
	known, given := 0, 0
	for _, a := range answers {
		f.add(a, "")
		if a.outcome == answered {
			known++
		}
		if a.outcome == answered && a.text("access_token") != "" {
			given++
			first = a
		}
	}
	switch {
	case given > 1:
		w.wrong("a code was exchanged twice", first, &f.trail)
	case given == 0 && known == len(answers) && f.state == live:
		w.wrong("a fresh code is refused", answers[0], &f.trail)
	}
	if given != 1 {
		return
	}
	if first.given() != live {
		f.state = maybe
	}
	if len(answers) > 1 {
		f.state = maybe // the other request may have been taken for a replay, which ends the family
	}
	f.tokens = append(f.tokens, first.text("refresh_token"))
	w.succeeded(first, true)
	w.families = append(w.families, f)
	w.keep(first, f.session, f)
}
