package server

import (
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

// TestEveryGrantTypeHasItsOwnAnswer: a grant type that is listed without an answer issues nothing.
func TestEveryGrantTypeHasItsOwnAnswer(t *testing.T) {
	listed := slices.Sorted(maps.Keys(oauth.GrantCapability))
	if answered := slices.Sorted(maps.Keys(redeemers)); !slices.Equal(listed, answered) {
		t.Errorf("grant types %v, answered %v", listed, answered)
	}
	w := newOAuthWorld(t)
	const added = "urn:example:grant-type:added"
	oauth.GrantCapability[added] = oauth.CapClientCredentials
	defer delete(oauth.GrantCapability, added)
	w.trade("web", "grant_type", added).wantError(t, oauth.UnsupportedGrantType)
	for _, other := range []string{"password", "CLIENT_CREDENTIALS", "client_credentials ", "assisted_token", "x"} {
		w.trade("web", "grant_type", other).wantError(t, oauth.UnsupportedGrantType)
	}
}

// TestUnknownMembersAreErrors: a step or an ending that is not known shows and issues nothing.
func TestUnknownMembersAreErrors(t *testing.T) {
	w := newOAuthWorld(t)
	s := w.server
	for _, ending := range []oauth.Ending{"", "other", "Message"} {
		if _, err := s.revisit(t.Context(), oauth.Flow{ClientID: "app", Origin: appOrigin, Ending: ending}); err == nil ||
			err.Code != oauth.ServerError {
			t.Errorf("ending %q: %v", ending, err)
		}
	}
	v, refused := s.revisit(t.Context(), oauth.Flow{ClientID: "app", Origin: appOrigin, Ending: oauth.EndMessage})
	if refused != nil {
		t.Fatal(refused)
	}
	for _, step := range []oauth.Step{oauth.StepDone, oauth.StepDone + 1, -1} {
		got := httptest.NewRecorder()
		s.show(got, httptest.NewRequest("GET", "/", nil), v, nil, step)
		if body := got.Body.String(); got.Code != 500 || strings.Contains(body, "<form") || !strings.Contains(body, "server_error") {
			t.Errorf("step %d shows %s", step, body)
		}
	}
	b := w.browser()
	b.signIn("client_id", "app")
	st, err := w.store.Standing(t.Context(), b.sessionHash(), "app")
	w.must(err)
	v.flow.Ending = "other"
	got := httptest.NewRecorder()
	s.finish(got, httptest.NewRequest("GET", "/", nil), v, &st)
	if body := got.Body.String(); got.Code != 500 || strings.Contains(body, "access_token") {
		t.Errorf("status %d: %s", got.Code, body)
	}
}
