package server

import (
	"errors"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

// redeemDevice answers a device that asks whether its user decided (RFC 8628 §3.4), and, once they agreed, trades its code
// for tokens as redeemCode does.
func (s *Server) redeemDevice(q *tokenRequest) (*oauth.TokenResponse, *oauth.Error) {
	text, refused := oauth.ParseDeviceCode(q.form)
	if refused != nil {
		return nil, refused
	}
	now := s.Now()
	var code oauth.DeviceCode
	if err := s.open(q.Context(), token.KindDeviceCode, text, &code); err != nil {
		return nil, oauth.Errorf(oauth.InvalidGrant, "The device code is none of this server.").Because(err)
	}
	if refused := code.Check(q.client, now); refused != nil {
		return nil, refused
	}
	d, refused := s.pollDevice(q, &code)
	if refused != nil {
		return nil, refused
	}
	// The delegation that the approval made says in which session the user is.
	standing, err := s.Store.TokenStanding(q.Context(), oauth.AccessToken{DelegationID: d.DelegationID})
	if st := &standing.Standing; err != nil || st.Account.Locked || !st.Session.Live(now) {
		return nil, sessionOver(err)
	}
	return s.deviceTokens(q, &code, d.Scope, &standing.Standing)
}

// pollDevice records that the device asks, and answers its request once the user agreed.
func (s *Server) pollDevice(q *tokenRequest, code *oauth.DeviceCode) (*store.DeviceRequest, *oauth.Error) {
	now := s.Now()
	d, err := s.Store.PollDevice(q.Context(), code.UserCodeHash, now)
	if errors.Is(err, store.ErrNotFound) {
		return nil, oauth.DeviceExpired
	}
	if err != nil {
		return nil, web.AsError(err)
	}
	return &d, oauth.JudgePoll(d.Decision != "", d.Decision == store.DeviceApproved, d.Polled, now)
}

// deviceTokens uses the device code up and makes the tokens: of the scope that the user agreed to, save what the client lost
// or went stale since.
func (s *Server) deviceTokens(q *tokenRequest, code *oauth.DeviceCode, scope []string, st *oauth.Standing) (*oauth.TokenResponse, *oauth.Error) {
	now := s.Now()
	resource, refused := narrowedResources(q, code.Resource)
	if refused != nil {
		return nil, refused
	}
	refresh := oauth.RefreshToken{Scope: scope, Resource: code.Resource}
	given, refused := refresh.RefreshedScope(nil, st.Session.AuthTime, q.client, &q.snap.profile, now)
	if refused != nil {
		return nil, refused
	}
	family := oauth.NewFamily(code.ID, st, scope, q.client, &q.snap.profile, now)
	spent := store.OneTime{Kind: "device_code", Owner: q.client.ID, ID: code.ID.String(), Expires: code.Expires}
	if refused := s.startFamily(q, st, spent, given, family); refused != nil {
		return nil, refused
	}
	st.Family = &family
	return s.familyTokens(q, q.issue(s, st, given, oauth.ClaimsRequest{}, resource), refresh)
}
