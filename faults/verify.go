package main

import (
	"net/http"
	"net/url"
	"sync"
	"time"
)

// verify holds every node against all that was acknowledged. Each user's things are looked at by one
// goroutine; the replays come last, since they end what they touch.
func (t *trial) verify() {
	t.verifyConfiguration()
	var all sync.WaitGroup
	for _, w := range t.workers {
		all.Go(func() {
			for _, c := range w.clients {
				w.verifyAt(c)
			}
			for _, f := range w.families {
				w.verifyGenerations(f)
			}
			for _, c := range w.clients {
				for _, f := range w.families {
					w.replayAt(c, f)
				}
			}
			for _, token := range w.tokens {
				w.introspect(token)
			}
		})
	}
	all.Wait()
}

// verifyAt asks one node about everything.
func (w *worker) verifyAt(c *client) {
	tokens := w.tokens // before the checks make further ones
	for _, token := range tokens {
		w.introspectAt(c, token)
	}
	for _, s := range w.sessions {
		w.renewAt(c, s)
	}
	for _, f := range w.families {
		w.refreshAt(c, f)
	}
}

// verifyGenerations uses a refresh token that two others have followed: it is refused and ends its
// family, on every node.
func (w *worker) verifyGenerations(f *family) {
	if f.expected() != live || len(f.tokens) < 3 {
		return
	}
	a := w.send(refreshRequest(f.tokens[len(f.tokens)-3]))
	f.add(a, "with the token before the last two")
	switch {
	case a.outcome == answered && a.text("access_token") != "":
		w.wrong("a refresh token that two have followed gives tokens", a, f.evidence())
	case a.outcome == answered && a.text("error") == "invalid_grant":
		f.state = ended
	}
	for _, c := range w.clients {
		w.refreshAt(c, f)
	}
}

// verifyConfiguration waits until each node obeys the last acknowledged change: at most 2 s.
func (t *trial) verifyConfiguration() {
	l := &t.lifetime
	for _, n := range t.nodes {
		c := newClient(n, t.lab.trust, 100, false)
		got := 0
		for began := time.Now(); time.Since(began) < 2*time.Second+slack; time.Sleep(50 * time.Millisecond) {
			a := c.send(request{name: "client credentials", path: tokenPath, secret: [2]string{tuned, t.secrets[tuned]},
				form: url.Values{"grant_type": {"client_credentials"}}})
			if seconds, _ := a.fields["expires_in"].(float64); a.status == http.StatusOK {
				got = int(seconds)
			}
			if got == l.known || l.unknown[got] {
				break
			}
		}
		c.close()
		if got != l.known && !l.unknown[got] {
			t.fail("%s obeys %d and not the acknowledged configuration change %d", n.name, got, l.known)
		}
	}
}
