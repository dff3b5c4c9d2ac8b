package server

import (
	"context"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// TestWhatEndsWhat has a case for each row of the table in docs/architecture.md: after the event the tokens
// that it ends are inactive on the very next introspection, and all others still good.
func TestWhatEndsWhat(t *testing.T) {
	ctx := context.Background()
	type state struct {
		*world
		b         *browser
		app, jwt  string // alice's tokens of two clients in one session
		elsewhere string // alice's token in another browser
		bobs      string
		childs    string // alice's token from a frame that no cookie reaches
	}
	all := func(s *state) []string { return []string{s.app, s.jwt, s.elsewhere, s.bobs, s.childs} }
	for _, row := range []struct {
		event string
		do    func(*state)
		ends  func(*state) []string
	}{
		{"access token revoked", func(s *state) {
			s.call("POST", revokePath, form("token", s.app, "client_id", "app"))
		}, func(s *state) []string { return []string{s.app} }},
		{"logout", func(s *state) {
			s.b.submit(logoutPath, form("confirm", "yes"))
		}, func(s *state) []string { return []string{s.app, s.jwt} }},
		{"logout of a child by its token", func(s *state) {
			s.blocked().submit(logoutPath, form("confirm", "yes", "client_id", "app", "for_origin", appOrigin, "access_token", s.childs))
		}, func(s *state) []string { return []string{s.childs} }},
		{"session expired, idle", func(s *state) {
			s.clock.pass(8*time.Hour + time.Second)
		}, all},
		{"consent withdrawn", func(s *state) {
			s.must(s.manager.WithdrawConsent(ctx, s.alice.ID, "app"))
		}, func(s *state) []string { return []string{s.app, s.elsewhere, s.childs} }},
		{"account locked", func(s *state) {
			s.must(s.manager.LockAccount(ctx, s.alice.ID))
		}, func(s *state) []string { return []string{s.app, s.jwt, s.elsewhere, s.childs} }},
		{"password changed", func(s *state) {
			s.must(s.manager.SetPassword(ctx, s.alice.ID, "another good password"))
		}, func(s *state) []string { return []string{s.app, s.jwt, s.elsewhere, s.childs} }},
		{"account removed", func(s *state) {
			s.must(s.manager.RemoveAccount(ctx, s.alice.ID))
		}, func(s *state) []string { return []string{s.app, s.jwt, s.elsewhere, s.childs} }},
		{"client disabled", func(s *state) {
			_, _, err := s.manager.ChangeClient(ctx, "app", func(c *oauth.Client) { c.Disabled = true })
			s.must(err)
		}, func(s *state) []string { return []string{s.app, s.elsewhere, s.bobs, s.childs} }},
		{"client removed", func(s *state) {
			s.must(s.manager.RemoveClient(ctx, "app"))
		}, func(s *state) []string { return []string{s.app, s.elsewhere, s.bobs, s.childs} }},
	} {
		t.Run(row.event, func(t *testing.T) {
			w := newWorld(t)
			w.must(w.longTokens())
			_, err := w.manager.CreateAccount(ctx, oauth.Account{Username: "bob"}, password)
			w.must(err)
			s := &state{world: w, b: w.browser()}
			s.app = s.b.signIn("client_id", "app").token()
			s.jwt = s.b.frame(assisted("client_id", "jwt", "prompt", "none")).token()
			s.elsewhere = w.browser().signIn("client_id", "app").token()
			bob := w.browser()
			s.bobs = bob.submitPassword(bob.frame(assisted("client_id", "app")), "bob", password).token()
			s.childs = w.blocked().signIn("client_id", "app").token()
			for _, token := range all(s) {
				w.wantActive(token, true)
			}
			row.do(s)
			ended := map[string]bool{}
			for _, token := range row.ends(s) {
				ended[token] = true
			}
			for _, token := range all(s) {
				w.wantActive(token, !ended[token])
			}
		})
	}
}

// longTokens makes tokens outlive sessions, so that an inactive one has another cause than its own expiry.
func (w *world) longTokens() error {
	p := w.server.current.Load().profile
	p.AccessTokenSeconds = 30 * 24 * 3600
	if err := w.store.PutProfile(context.Background(), p, p.Version, noAudit); err != nil {
		return err
	}
	return w.server.refresh(context.Background())
}

func TestSessionEndsAbsolutely(t *testing.T) {
	w := newWorld(t)
	w.must(w.longTokens())
	b := w.browser()
	access := b.signIn("client_id", "app").token()
	for range 24 { // in use all the time, for a week
		w.clock.pass(7 * time.Hour)
		b.frame(assisted("client_id", "app", "prompt", "none"))
	}
	w.wantActive(access, false)
	b.frame(assisted("client_id", "app", "prompt", "none")).wantError(oauth.InteractionRequired)
}

func TestTokenExpires(t *testing.T) {
	w := newWorld(t)
	access := w.browser().signIn("client_id", "app").token()
	w.clock.pass(299 * time.Second)
	w.wantActive(access, true)
	w.clock.pass(2 * time.Second)
	w.wantActive(access, false)
}
