package server

import (
	"context"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func (w *world) revokeAs(client, text string) page {
	w.t.Helper()
	f := form("token", text, "client_id", client)
	if client == "web" {
		f.Set("client_secret", webKey)
	}
	return w.call("POST", revokePath, f)
}

// auditsOf lists the records of an event, the newest first.
func (w *world) auditsOf(event store.Event) (found []store.Audit) {
	w.t.Helper()
	all, _, err := w.store.Audits(context.Background(), store.AuditFilter{}, oauth.ID{}, 100)
	w.must(err)
	for _, a := range all {
		if a.Event == event {
			found = append(found, a)
		}
	}
	return found
}

func TestRevokingARefreshTokenEndsItsGrant(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	other := w.redeem("web", b.authorize(authorization("web")).answer().Get("code")).granted(t)
	for _, client := range []string{"web", "spa"} {
		got := w.redeem(client, b.open(authorization(client)).answer().Get("code")).granted(t)
		w.revokeAs("web", w.redeem("spa", b.open(authorization("spa")).answer().Get("code")).Refresh).wantCode(400, oauth.InvalidGrant)
		for range 2 { // doing it twice is no error
			w.revokeAs(client, got.Refresh).wantStatus(200)
		}
		w.wantActive(got.Access, false)
		w.trade(client, "grant_type", "refresh_token", "refresh_token", got.Refresh).wantError(t, oauth.InvalidGrant)
	}
	w.wantActive(other.Access, true)
	records := w.auditsOf(store.EventFamilyEnded)
	if len(records) != 2 || records[0].AccountID != w.alice.ID || records[0].ClientID != "spa" {
		t.Errorf("records %+v", records)
	}
}

// Whoever holds an older refresh token of the family may end it too: nothing is to be gained from keeping it alive.
func TestRevokingARotatedRefreshTokenEndsItsGrant(t *testing.T) {
	w := newOAuthWorld(t)
	first := w.redeem("spa", w.browser().authorize(authorization("spa")).answer().Get("code")).granted(t)
	second := w.trade("spa", "grant_type", "refresh_token", "refresh_token", first.Refresh).granted(t)
	w.revokeAs("spa", first.Refresh).wantStatus(200)
	w.wantActive(second.Access, false)
}

func TestRevocationIsRecordedOnce(t *testing.T) {
	w := newOAuthWorld(t)
	w.change("web", func(c *oauth.Client) { c.SubjectType, c.SectorIdentifier = oauth.SubjectPairwise, "web.example" })
	got := w.redeem("web", w.browser().authorize(authorization("web")).answer().Get("code")).granted(t)
	for range 3 {
		w.revokeAs("web", got.Access).wantStatus(200)
	}
	records := w.auditsOf(store.EventTokenRevoked)
	if len(records) != 1 || records[0].AccountID != w.alice.ID || records[0].ClientID != "web" {
		t.Errorf("records %+v", records)
	}
}

// A client's name may look like an account's: what a token without a user says is no account.
func TestRevokingATokenWithoutAUser(t *testing.T) {
	w := newOAuthWorld(t)
	like := oauth.Client{ID: newID().String(), Capabilities: []oauth.Capability{oauth.CapClientCredentials}, Scope: []string{"read"}}
	like.SecretHash = manage.HashSecret(webKey)
	w.put(like)
	answer := w.call("POST", tokenPath, form("grant_type", "client_credentials", "client_id", like.ID, "client_secret", webKey))
	answer.wantStatus(200)
	own := answer.object()["access_token"].(string)
	w.wantActive(own, true)
	w.revokeAs("web", own).wantCode(400, oauth.InvalidGrant)
	w.call("POST", revokePath, form("token", own, "client_id", like.ID, "client_secret", webKey)).wantStatus(200)
	w.wantActive(own, false)
	records := w.auditsOf(store.EventTokenRevoked)
	if len(records) != 1 || !records[0].AccountID.IsZero() || records[0].ClientID != like.ID {
		t.Errorf("records %+v", records)
	}
}

// What ended anyway is not written down: a client cannot fill the store with its old tokens.
func TestRevokingWhatIsOverWritesNothing(t *testing.T) {
	w := newOAuthWorld(t)
	b := w.browser()
	got := w.redeem("web", b.authorize(authorization("web")).answer().Get("code")).granted(t)
	b.post(logoutPath, form("confirm", "yes"))
	before := w.stats().Writes
	w.revokeAs("web", got.Refresh).wantStatus(200)
	if after := w.stats().Writes; after != before {
		t.Errorf("%d statements", after-before)
	}
	w.clock.pass(2 * time.Hour)
	w.must(w.store.RaiseHorizon(context.Background(), w.clock.Now().Add(-clock.PurgeAfter))) // as a purge does
	w.must(w.server.refreshIfChanged(context.Background()))
	before = w.stats().Writes
	w.revokeAs("web", got.Access).wantStatus(200)
	if after := w.stats().Writes; after != before {
		t.Errorf("%d statements", after-before)
	}
}
