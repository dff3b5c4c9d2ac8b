package server

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const (
	deviceAuthorizationPath = "/oauth/v2/oauth-device-authorization"
	devicePath              = "/device" // short, since people type it
)

// userCodePurpose names the key under which user codes are hashed: they are so short that from a plain hash, or a copy of
// the database, they could be found by trying all.
const userCodePurpose = "user codes"

func (s *Server) userCodeHash(code string) ([]byte, *oauth.Error) {
	key, err := s.Master.Derive(userCodePurpose)
	if err != nil {
		return nil, oauth.Internal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(code))
	return mac.Sum(nil), nil
}

// deviceAuthorization is the device authorization endpoint (RFC 8628 §3.1).
func (s *Server) deviceAuthorization(w http.ResponseWriter, r *http.Request) {
	answer, err := s.startDevice(w, r)
	if err != nil {
		s.metrics.refused(err.Code)
		web.WriteJSONError(w, s.Logger, err)
		return
	}
	web.WriteJSON(w, answer)
}

func (s *Server) startDevice(w http.ResponseWriter, r *http.Request) (*oauth.DeviceAuthorization, *oauth.Error) {
	if err := web.ParseForm(w, r); err != nil {
		return nil, err
	}
	snap := s.current.Load()
	caller, err := s.authenticateClient(r, snap)
	if err != nil {
		return nil, err
	}
	c := caller.client
	if !snap.profile.Allows(c, oauth.CapDevice) {
		return nil, oauth.Errorf(oauth.UnauthorizedClient, "This needs the capability %s, of the client %s and of the token service profile.", oauth.CapDevice, c.ID)
	}
	scope, resource, err := oauth.ParseDeviceRequest(r.PostForm, c, &snap.profile)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	if ok, wait := s.addresses.Allow(s.proxies.ClientAddress(r), now); !ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
		return nil, oauth.Errorf(oauth.TemporarilyUnavailable, "Too many requests come from this address.")
	}
	if err := s.spend(r.Context(), caller.spends...); err != nil {
		return nil, err
	}
	d := store.DeviceRequest{ClientID: c.ID, Scope: scope, Created: now, Expires: now.Add(oauth.DeviceLifetime)}
	places := oauth.DevicePlaces{Client: oauth.MaxDeviceRequests, Network: oauth.MaxDeviceRequests}
	if c.IsPublic() { // anybody can begin requests in its name: networks share its places
		d.Network, places.Network = s.networkOf(r), oauth.MaxNetworkDevices
	}
	userCode, err := s.storeDevice(r, &d, places)
	if err != nil {
		return nil, err
	}
	deviceCode, err := seal(snap, token.KindDeviceCode, now, &oauth.DeviceCode{
		ID: newID(), UserCodeHash: d.UserCodeHash, ClientID: c.ID, Resource: resource, Expires: d.Expires,
	})
	if err != nil {
		return nil, err
	}
	answer := oauth.NewDeviceAuthorization(deviceCode, userCode, s.BaseURL+devicePath)
	return &answer, nil
}

// storeDevice finds a user code that no other device has, and stores the request under its hash.
func (s *Server) storeDevice(
	r *http.Request, d *store.DeviceRequest, places oauth.DevicePlaces,
) (string, *oauth.Error) {
	for range 3 {
		code, err := oauth.NewUserCode(rand.Reader)
		if err != nil {
			return "", oauth.Internal(err)
		}
		hash, refused := s.userCodeHash(code)
		if refused != nil {
			return "", refused
		}
		d.UserCodeHash = hash
		err = s.Store.StartDevice(r.Context(), *d, places)
		switch {
		case err == nil:
			return code, nil
		case errors.Is(err, store.ErrTooMany):
			return "", oauth.Errorf(oauth.TemporarilyUnavailable, "Too many devices of the client %s are waiting.", d.ClientID)
		case !errors.Is(err, store.ErrConflict):
			return "", web.AsError(err)
		}
	}
	return "", oauth.Errorf(oauth.TemporarilyUnavailable, "No user code was free.")
}

// devicePage is where users type the code that their device shows (RFC 8628 §3.3). A code in the address only fills the
// field: the user still has to look at it, and to go on.
func (s *Server) devicePage(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	code, _ := oauth.ReadUserCode(q.Get("user_code"))
	s.askUserCode(w, http.StatusOK, web.Device{Code: oauth.ShowUserCode(code)})
}

func (s *Server) askUserCode(w http.ResponseWriter, status int, view web.Device) {
	web.WritePage(w, s.Logger, status, oauth.ValidOrigin{}, view)
}

// enterUserCode begins the flow that ends with the user's decision. A code that is unknown, expired or decided gets one
// answer for all.
func (s *Server) enterUserCode(w http.ResponseWriter, r *http.Request) {
	if err := web.ParseForm(w, r); err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	view := web.Device{Code: r.PostForm.Get("user_code")}
	settle, wait, err := s.admitUserCode(r)
	if err == nil && wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		view.Error = "Too many codes were tried. Try again in " + inWords(wait) + "."
		s.askUserCode(w, http.StatusTooManyRequests, view)
		return
	}
	var v *visit
	if err == nil {
		v, err = s.visitByUserCode(r, view.Code)
		if e := settle(err == nil && v == nil); e != nil && err == nil {
			err = web.AsError(e)
		}
	}
	if err == nil && v == nil {
		view.Error, view.Wrong = "This code is not good, or not any more. Compare it with the one on your device.", true
		s.askUserCode(w, http.StatusUnprocessableEntity, view)
		return
	}
	if err != nil {
		web.WriteErrorPage(w, s.Logger, err)
		return
	}
	st, err := s.ssoStanding(r, v)
	if err != nil {
		s.answerError(w, v, err)
		return
	}
	v.flow.Binding = s.bindFlow(w, r)
	s.show(w, r, v, st, s.nextStep(v, st))
}

// admitUserCode reserves an attempt before the code is looked at (RFC 8628 §5.1): per address,
// and durably for the user who is signed in, else for the network. settle counts it where the
// code was wrong and else gives it back; a good code forgives no others, or a guesser could go
// on for ever by typing one of their own now and then.
func (s *Server) admitUserCode(
	r *http.Request,
) (settle func(wrong bool) error, wait time.Duration, refused *oauth.Error) {
	address, now := s.proxies.ClientAddress(r), s.Now()
	if ok, wait := s.addresses.Allow(address, now); !ok {
		return nil, wait, nil
	}
	st, refused := s.ssoStanding(r, &visit{client: &oauth.Client{}})
	if refused != nil {
		return nil, 0, refused
	}
	who := "network " + authn.Network(address).String()
	if st != nil {
		who = "user " + st.Account.ID.String()
	}
	key := authn.ThrottleKey(s.bucketKey, authn.DomainUserCode, who)
	var v authn.Verdict
	err := s.changeGuesses(r.Context(), key, func(t *authn.Throttle) bool {
		v = t.Reserve(&authn.UserCode, newID().String(), who, now)
		return v.Cause == authn.CauseNone
	})
	if err != nil {
		return nil, 0, web.AsError(err)
	}
	return func(wrong bool) error {
		ctx := context.WithoutCancel(r.Context())
		return s.changeGuesses(ctx, key, func(t *authn.Throttle) bool {
			if !wrong {
				return t.GiveBack(v.Reservation)
			}
			t.Count(&authn.UserCode, v.Reservation, s.Now())
			return true
		})
	}, v.Wait, nil
}

// visitByUserCode begins the flow for a code as typed; nil where no device waits under it.
func (s *Server) visitByUserCode(r *http.Request, typed string) (*visit, *oauth.Error) {
	code, ok := oauth.ReadUserCode(typed)
	if !ok {
		return nil, nil
	}
	now := s.Now()
	d, refused := s.waitingDevice(r, code)
	if d == nil || refused != nil {
		return nil, refused
	}
	v, refused := s.revisit(r.Context(), oauth.Flow{
		ClientID: d.ClientID, Ending: oauth.EndDevice, UserCode: code, Started: now,
		Request: oauth.AuthenticationRequest{Scope: d.Scope, MaxAge: oauth.NoMaxAge, Prompt: oauth.Prompt{Consent: true}},
	})
	if refused != nil { // the client lost its right since
		return nil, nil
	}
	return v, nil
}

// waitingDevice is the undecided request of a user code; nil where there is none.
func (s *Server) waitingDevice(r *http.Request, code string) (*store.DeviceRequest, *oauth.Error) {
	hash, refused := s.userCodeHash(code)
	if refused != nil {
		return nil, refused
	}
	d, err := s.Store.Device(r.Context(), hash, s.Now())
	if errors.Is(err, store.ErrNotFound) || err == nil && d.Decision != "" {
		return nil, nil
	}
	if err != nil {
		return nil, web.AsError(err)
	}
	return &d, nil
}

// checkDevice checks a device's flow anew.
func (v *visit) checkDevice() *oauth.Error {
	if !v.snap.profile.Allows(v.client, oauth.CapDevice) {
		return oauth.Errorf(oauth.UnauthorizedClient, "The client %s may not do this any more.", v.client.ID)
	}
	var err *oauth.Error
	v.scope, err = oauth.DeviceScope(v.flow.Request.Scope, v.client, &v.snap.profile)
	return err
}

// deviceConsent asks for the decision, and shows the code once more: whoever was sent here by somebody else does not find it
// on a device of their own (RFC 8628 §5.4).
func (v *visit) deviceConsent(sealed string, st *oauth.Standing) web.View {
	return web.DeviceConsent{
		Flow: sealed, Client: v.client.DisplayName(), ClientID: v.client.ID, User: st.Account.Username, Subject: st.Account.ID.String(),
		Scopes: v.snap.describe(v.scope), Code: oauth.ShowUserCode(v.flow.UserCode),
		Recipient: v.recipient(),
	}
}

// finishDevice records that the user agreed. What the device then gets hangs off the delegation within this session, or,
// offline, off the consent, which was always given within this flow.
func (s *Server) finishDevice(w http.ResponseWriter, r *http.Request, v *visit, st *oauth.Standing) {
	d, err := s.waitingDevice(r, v.flow.UserCode)
	if err == nil && d == nil {
		err = deviceOver
	}
	var i *oauth.Issue
	if err == nil {
		i, err = s.grant(r, v, st)
	}
	if err == nil {
		err = s.decideDevice(r, v, st, store.DeviceApproved, i.Standing.Delegation.ID)
	}
	if err != nil {
		s.answerError(w, v, err)
		return
	}
	web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, web.Plain{
		Title: "Your device is connected", Text: "You can go back to your device. It goes on by itself within a few seconds.",
	})
}

// denyDevice records the user's no.
func (s *Server) denyDevice(w http.ResponseWriter, r *http.Request, v *visit) {
	st, err := s.flowStanding(r, v)
	if err == nil {
		err = s.decideDevice(r, v, st, store.DeviceDenied, oauth.ID{})
	}
	if err != nil {
		s.answerError(w, v, err)
		return
	}
	web.WritePage(w, s.Logger, http.StatusOK, oauth.ValidOrigin{}, web.Plain{
		Title: "Not connected", Text: "The device does not get access. You can close this page.",
	})
}

func (s *Server) decideDevice(r *http.Request, v *visit, st *oauth.Standing, decision store.DeviceDecision, delegation oauth.ID) *oauth.Error {
	hash, refused := s.userCodeHash(v.flow.UserCode)
	if refused != nil {
		return refused
	}
	audit := s.audit(r, store.EventDeviceDecided, v, st)
	audit.Detail = string(decision)
	err := s.Store.DecideDevice(r.Context(), hash, decision, delegation, s.Now(), audit)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		return deviceOver
	}
	if err != nil {
		return web.AsError(err)
	}
	return nil
}

var deviceOver = oauth.Errorf(oauth.InvalidRequest, "The device's code has expired, or was decided before. Begin again on your device.")
