package server

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// answers are the claims that a client gets to see of one issue of tokens: of the ID token, of the access token as a
// JWT (or what introspection tells of it), and of introspection.
type answers struct{ id, access, introspected map[string]any }

// TestSessionClaims: in every answer of every grant, before and after a refresh, sid, sub, auth_time, acr and amr are
// the session's or absent, and jti is the access token's own (OpenID Connect Core §2, §12.2; RFC 9068 §2.2.1).
func TestSessionClaims(t *testing.T) {
	for _, pairwise := range []bool{false, true} {
		for name, run := range sessionClaimsGrants {
			t.Run(fmt.Sprintf("%s, pairwise %t", name, pairwise), func(t *testing.T) {
				w := newDeviceWorld(t)
				for _, id := range []string{"web", "tv", "app"} {
					w.change(id, func(c *oauth.Client) {
						c.AccessTokenFormat = oauth.FormatJWT
						if pairwise {
							c.SubjectType, c.SectorIdentifier = oauth.SubjectPairwise, id+".example"
						}
					})
				}
				b := w.browser()
				client, issues := run(w, b)
				st, err := w.store.Standing(t.Context(), b.sessionHash(), client)
				w.must(err)
				c := w.server.current.Load().clients[client].Client
				profile := &w.server.current.Load().profile
				want := map[string]any{
					"sub":       profile.Subject(c, w.alice.ID),
					"sid":       profile.SessionID(c, st.Session.ID).String(),
					"auth_time": float64(st.Session.AuthTime.Unix()),
					"acr":       oauth.ACRPassword,
					"amr":       []any{oauth.AMRPassword},
				}
				for i, got := range issues {
					for claim, value := range want {
						for where, claims := range map[string]map[string]any{
							"ID token": got.id, "access token": got.access, "introspection": got.introspected,
						} {
							seen, there := claims[claim]
							if there && fmt.Sprint(seen) != fmt.Sprint(value) {
								t.Errorf("answer %d, %s: %s is %v, want %v", i, where, claim, seen, value)
							}
						}
						if _, there := got.id[claim]; got.id != nil && !there {
							t.Errorf("answer %d: the ID token has no %s", i, claim)
						}
					}
					if got.access["jti"] == nil || got.access["jti"] != got.introspected["jti"] {
						t.Errorf("answer %d: jti %v, by introspection %v", i, got.access["jti"],
							got.introspected["jti"])
					}
					if slices.Contains([]any{st.Session.ID.String(), want["sid"]}, got.access["jti"]) {
						t.Errorf("answer %d: jti is the session's", i)
					}
				}
			})
		}
	}
}

// sessionClaimsGrants get tokens for the browser's session in every way there is, as the client that they return.
var sessionClaimsGrants = map[string]func(*world, *browser) (client string, issues []answers){
	"code":                   codeAnswers("openid read"),
	"code, offline_access":   codeAnswers("openid read offline_access"),
	"device":                 deviceAnswers("openid read"),
	"device, offline_access": deviceAnswers("openid read offline_access"),
	"hybrid and implicit": func(w *world, b *browser) (string, []answers) {
		q := b.authorize(authorization("web", "response_type", "code id_token token")).answer()
		first := w.answersOf(tokens{ID: q.Get("id_token"), Access: q.Get("access_token")})
		r := b.open(authorization("web", "response_type", "id_token token")).answer()
		second := w.answersOf(tokens{ID: r.Get("id_token"), Access: r.Get("access_token")})
		return "web", append(w.refreshed("web", w.redeem("web", q.Get("code"))), first, second)
	},
	"assisted": func(w *world, b *browser) (string, []answers) {
		_, first := b.signIn("client_id", "app", "scope", "openid").message()
		w.clock.pass(time.Minute)
		_, again := b.frame(assisted("client_id", "app", "scope", "openid", "prompt", "none")).message()
		return "app", []answers{w.answersOfMessage(first), w.answersOfMessage(again)}
	},
	"renewal by handle": func(w *world, b *browser) (string, []answers) {
		jkt := jktOf(w.t, "dpop")
		first := b.signIn("client_id", "app", "scope", "openid", "dpop_jkt", jkt)
		w.clock.pass(time.Minute)
		_, m := first.message()
		again := w.renewWith(first.handle(), "dpop", appOrigin, "scope", "openid").object()
		return "app", []answers{w.answersOfMessage(m), w.answersOfMessage(again)}
	},
}

func codeAnswers(scope string) func(*world, *browser) (string, []answers) {
	return func(w *world, b *browser) (string, []answers) {
		p := b.through(authorization("web", "scope", scope, "prompt", "consent"))
		return "web", w.refreshed("web", w.redeem("web", p.answer().Get("code")))
	}
}

func deviceAnswers(scope string) func(*world, *browser) (string, []answers) {
	return func(w *world, b *browser) (string, []answers) {
		d := w.device("scope", scope)
		b.approve(d)
		return "tv", w.refreshed("tv", d.wait().poll())
	}
}

// refreshed are the answers to a grant and to two refreshes after it.
func (w *world) refreshed(client string, got tokens) (all []answers) {
	w.t.Helper()
	for range 3 {
		all = append(all, w.answersOf(got.granted(w.t)))
		w.clock.pass(time.Minute)
		got = w.trade(client, "grant_type", "refresh_token", "refresh_token", got.Refresh)
	}
	return all
}

func (w *world) answersOfMessage(m map[string]any) answers {
	w.t.Helper()
	if m["sub"] != claimsOf(w.t, m["id_token"].(string))["sub"] {
		w.t.Errorf("the message names another sub than its ID token: %v", m)
	}
	return w.answersOf(tokens{ID: m["id_token"].(string), Access: m["access_token"].(string)})
}

func (w *world) answersOf(got tokens) answers {
	w.t.Helper()
	return answers{claimsOf(w.t, got.ID), claimsOf(w.t, got.Access), w.introspect(got.Access)}
}
