package main

import (
	"net/url"
	"time"
)

// graceKept is how long after an unknown refresh the same token works for certain: the server's
// oauth.RefreshGrace, less what the repeated request may take.
const graceKept = 8 * time.Second

func refreshRequest(refreshToken string) request {
	return request{name: "refresh", path: tokenPath, header: map[string]string{"Origin": origin}, form: url.Values{
		"grant_type": {"refresh_token"}, "client_id": {app}, "refresh_token": {refreshToken},
	}}
}

// refresh uses the family's last refresh token.
func (w *worker) refresh(f *family) { w.refreshAt(nil, f) }

func (w *worker) refreshAt(c *client, f *family) {
	a := w.at(c, refreshRequest(f.current()))
	f.add(a, "")
	if a.outcome == unreachable {
		return
	}
	if a.outcome != answered {
		if f.unknown.IsZero() {
			f.unknown = a.start
		}
		return
	}
	if !f.unknown.IsZero() && a.end.Sub(f.unknown) > graceKept && f.state == live {
		f.state = maybe
	}
	switch given, want := a.text("access_token") != "", f.expected(); {
	case given && want == ended:
		w.wrong(worst+"a refresh token that was ended gives tokens", a, f.evidence())
	case given:
		f.unknown = time.Time{}
		if a.given() != live {
			f.state = maybe
		}
		f.tokens = append(f.tokens, a.text("refresh_token"))
		w.succeeded(a, true)
		w.keep(a, f.session, f)
	case a.excuse.refuses && !f.unknown.IsZero():
		f.state = maybe // to a shifted clock, the same token again is reuse
	case want == live:
		w.wrong("the refresh token that was acknowledged last is refused", a, f.evidence())
	case !a.excuse.refuses:
		f.state = ended
		w.succeeded(a, false)
	}
}

func (f *family) evidence() *trail {
	return &trail{append(append([]string{"session:"}, f.session.steps...), append([]string{"family:"}, f.steps...)...)}
}

// revoke ends one access token.
func (w *worker) revoke(t *accessToken) {
	before := t.state
	t.state = maybe
	a := w.send(revocation(t.text))
	t.add(a, "")
	switch {
	case a.outcome == unreachable:
		t.state = before
	case a.outcome == answered && a.status == 200:
		t.state = ended
		w.succeeded(a, true)
	case before == ended:
		t.state = ended
	case a.outcome == answered:
		t.state = before
		w.wrong("a revocation is refused", a, &t.trail)
	}
}

func revocation(token string) request {
	return request{name: "revocation", path: "/oauth/v2/oauth-revoke", header: map[string]string{"Origin": origin},
		form: url.Values{"client_id": {app}, "token": {token}}}
}

// revokeFamily ends a family by its refresh token.
func (w *worker) revokeFamily(f *family) {
	a := w.send(revocation(f.current()))
	f.add(a, "refresh token")
	switch {
	case a.outcome == unreachable:
	case a.outcome == answered && a.status == 200:
		f.state = ended
		w.succeeded(a, true)
	case a.outcome == answered:
		w.wrong("a revocation is refused", a, &f.trail)
	case f.state == live:
		f.state = maybe
	}
}

// replay exchanges a code again that was exchanged before: it is refused, and ends the family.
func (w *worker) replay(f *family) { w.replayAt(nil, f) }

func (w *worker) replayAt(c *client, f *family) {
	a := w.at(c, exchange(f.code))
	f.add(a, "again")
	switch {
	case a.outcome == unreachable:
	case a.outcome == answered && a.text("access_token") != "":
		w.wrong("a spent code was exchanged again", a, f.evidence())
	case a.outcome == answered && a.text("error") == "invalid_grant" && !a.excuse.refuses && !f.old():
		f.state = ended
		w.succeeded(a, true)
	case f.state == live:
		f.state = maybe
	}
}

// old says that the family's code may have expired: such a code is refused and ends nothing.
func (f *family) old() bool { return time.Since(f.began) > codeLife }

// codeLife is less than what a code lives (oauth.CodeLifetime).
const codeLife = 50 * time.Second

// signOut ends a session the way our own page does.
func (w *worker) signOut(s *session) {
	a := w.send(request{name: "sign-out", path: "/oauth/v2/oauth-session/logout", cookie: s.cookie,
		header: map[string]string{"Origin": baseURL, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
		form:   url.Values{"confirm": {"yes"}}})
	s.add(a, "")
	switch {
	case a.outcome == unreachable:
	case a.outcome == answered && a.status == 200 && a.setCookie(sessionName) != "":
		s.state = ended
		w.succeeded(a, true)
	case a.outcome == answered:
		w.wrong("a sign-out is refused", a, &s.trail)
	case s.state == live:
		s.state = maybe
	}
}
