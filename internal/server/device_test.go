package server

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// newDeviceWorld is a world with "tv", a public client on devices.
func newDeviceWorld(t testing.TB) *world {
	w := newOAuthWorld(t)
	w.put(oauth.Client{ID: "tv", Name: "The TV", Capabilities: []oauth.Capability{oauth.CapDevice, oauth.CapRefresh},
		Scope: []string{"openid", "profile", "read", "payment", "offline_access"}})
	return w
}

// device is a device that waits.
type device struct {
	*world
	code, userCode string
}

func (w *world) device(params ...string) *device {
	w.t.Helper()
	p := w.call("POST", deviceAuthorizationPath, form(append([]string{"client_id", "tv"}, params...)...))
	p.wantStatus(200)
	o := p.object()
	return &device{w, o["device_code"].(string), o["user_code"].(string)}
}

// poll asks at once; wait lets the interval pass before.
func (d *device) poll() tokens {
	d.t.Helper()
	return d.trade("tv", "grant_type", string(oauth.GrantDevice), "device_code", d.code)
}

func (d *device) wait() *device {
	d.clock.pass(oauth.DeviceInterval)
	return d
}

// enter types the code of a device and signs in where that is asked.
func (b *browser) enter(userCode string) page {
	b.t.Helper()
	p := b.post(devicePath, form("user_code", userCode))
	if strings.Contains(p.body, `data-page="signin"`) {
		p = b.post(signInPath, form("flow", p.field("flow"), "username", "alice", "password", password))
	}
	return p
}

func (b *browser) decide(consent page, decision string) page {
	b.t.Helper()
	return b.post(consentPath, form("flow", consent.field("flow"), "user", consent.field("user"), "decision", decision))
}

func (b *browser) approve(d *device) {
	b.t.Helper()
	b.decide(b.enter(d.userCode), "allow").wantText("You can go back to your device")
}

func TestDeviceFlow(t *testing.T) {
	w := newDeviceWorld(t)
	p := w.call("POST", deviceAuthorizationPath, form("client_id", "tv", "scope", "openid profile"))
	o := p.object()
	if o["verification_uri"] != w.url+devicePath || o["expires_in"] != 600.0 || o["interval"] != 5.0 || p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", o)
	}
	d := &device{w, o["device_code"].(string), o["user_code"].(string)}
	d.poll().wantError(t, oauth.AuthorizationPending)

	b := w.browser()
	first := b.open(strings.TrimPrefix(o["verification_uri_complete"].(string), w.url))
	first.wantPlain(200)
	first.wantText(`value="` + d.userCode + `"`)
	first.wantText("on a device of your own") // RFC 8628 §5.4
	consent := b.enter(d.userCode)
	consent.wantPlain(200)
	for _, text := range []string{"The TV", d.userCode, "See your name", `data-page="device-consent"`} {
		consent.wantText(text)
	}
	d.wait().poll().wantError(t, oauth.AuthorizationPending)
	b.decide(consent, "allow").wantText("You can go back to your device")
	got := d.wait().poll().granted(t)
	if got.Scope != "openid profile" || got.ID == "" || got.Refresh == "" {
		t.Errorf("%+v", got)
	}
	if answer := w.introspect(got.Access); answer["active"] != true || answer["client_id"] != "tv" || answer["username"] != "alice" {
		t.Errorf("%v", answer)
	}
	w.trade("tv", "grant_type", "refresh_token", "refresh_token", got.Refresh).granted(t)
}

func TestUserCodeAsPeopleTypeIt(t *testing.T) {
	w := newDeviceWorld(t)
	d, b := w.device(), w.browser()
	b.enter(" " + strings.ToLower(strings.ReplaceAll(d.userCode, "-", " "))).wantText("The TV")
}

// The user is asked though the client needs no consent and had it before: the question is whose device this is.
func TestDeviceAlwaysAsks(t *testing.T) {
	w := newDeviceWorld(t)
	b := w.browser()
	b.approve(w.device("scope", "read"))
	w.clock.pass(time.Second)
	b.post(devicePath, form("user_code", w.device("scope", "read").userCode)).wantText(`data-page="device-consent"`)
}

func TestDeviceIsDenied(t *testing.T) {
	w := newDeviceWorld(t)
	b := w.browser()
	d := w.device()
	b.decide(b.enter(d.userCode), "deny").wantText("does not get access")
	d.poll().wantError(t, oauth.AccessDenied)
	d = w.device()
	b.post(cancelPath, form("flow", b.enter(d.userCode).field("flow"))).wantText("does not get access")
	d.poll().wantError(t, oauth.AccessDenied)
}

func TestDeviceThatAsksTooOftenIsSlowedDown(t *testing.T) {
	w := newDeviceWorld(t)
	d := w.device()
	d.poll().wantError(t, oauth.AuthorizationPending)
	d.poll().wantError(t, oauth.SlowDown)
	w.clock.pass(2 * time.Second)
	d.poll().wantError(t, oauth.SlowDown)
	d.wait().poll().wantError(t, oauth.AuthorizationPending)
}

func TestDeviceCodeExpires(t *testing.T) {
	w := newDeviceWorld(t)
	b, d := w.browser(), w.device()
	consent := b.enter(d.userCode)
	w.clock.pass(oauth.DeviceLifetime)
	d.poll().wantError(t, oauth.ExpiredToken)
	b.post(devicePath, form("user_code", d.userCode)).wantText("This code is not good")
	if p := b.decide(consent, "allow"); p.status == 200 {
		t.Errorf("an expired code was approved: %s", p.body)
	}
}

// What is not there, not any more, and decided before: nobody learns from the answer which of them it is.
func TestWrongUserCodesAreAnsweredAlike(t *testing.T) {
	w := newDeviceWorld(t)
	b := w.browser()
	decided := w.device()
	b.approve(decided)
	switchedOff := w.device()
	var bodies []string
	for _, code := range []string{"BCDF-GHJK", decided.userCode, "nonsense", ""} {
		p := b.post(devicePath, form("user_code", code))
		if p.status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", code, p.status)
		}
		p.wantPlain(p.status)
		p.wantText("This code is not good, or not any more.")
		bodies = append(bodies, regexp.MustCompile(`(nonce|value)="[^"]*"`).ReplaceAllString(p.body, ""))
	}
	w.change("tv", func(c *oauth.Client) { c.Capabilities = []oauth.Capability{oauth.CapRefresh} })
	b.post(devicePath, form("user_code", switchedOff.userCode)).wantText("This code is not good, or not any more.")
	if bodies[0] != bodies[1] || bodies[0] != bodies[2] {
		t.Error("an unknown code and a decided one are told apart")
	}
}

func TestGuessingUserCodesIsThrottled(t *testing.T) {
	w := newDeviceWorld(t)
	guess := func(b *browser) int { return b.post(devicePath, form("user_code", "BCDF-GHJK")).status }
	b := w.browser()
	b.authorize(authorization("spa"))
	d := w.device()
	for range 20 {
		guess(b)
	}
	p := b.post(devicePath, form("user_code", d.userCode))
	if p.status != http.StatusTooManyRequests || p.header.Get("Retry-After") == "" || strings.Contains(p.body, "The TV") {
		t.Errorf("a user who guesses: %d", p.status)
	}
	stranger := w.browser()
	if got := guess(stranger); got != http.StatusUnprocessableEntity {
		t.Errorf("a stranger after a user who guessed: %d", got)
	}
	for range 20 {
		guess(stranger)
	}
	if got := guess(w.browser()); got != http.StatusTooManyRequests {
		t.Errorf("a stranger who guesses, with fresh cookies: %d", got)
	}
}

func TestDeviceCodeIsForItsClientAndOnce(t *testing.T) {
	w := newDeviceWorld(t)
	w.put(oauth.Client{ID: "radio", Name: "Radio", Capabilities: []oauth.Capability{oauth.CapDevice}, Scope: []string{"read"}})
	d, b := w.device(), w.browser()
	b.approve(d)
	w.trade("radio", "grant_type", string(oauth.GrantDevice), "device_code", d.code).wantError(t, oauth.InvalidGrant)
	got := d.poll().granted(t)
	d.wait().poll().wantError(t, oauth.InvalidGrant)
	w.wantActive(got.Access, false) // somebody has the code twice
}

func TestSixteenPollsAtOnceYieldOneToken(t *testing.T) {
	w := newDeviceWorld(t)
	d, b := w.device(), w.browser()
	b.approve(d)
	d.wait()
	var wg sync.WaitGroup
	got := make([]tokens, 16)
	for i := range got {
		wg.Go(func() { got[i] = d.poll() })
	}
	wg.Wait()
	winners := 0
	for _, answer := range got {
		if answer.status == 200 {
			winners++
			w.wantActive(answer.Access, true)
		} else if answer.Error != string(oauth.SlowDown) {
			t.Errorf("%+v", answer)
		}
	}
	if winners != 1 {
		t.Errorf("%d polls got a token", winners)
	}
}

func TestLogoutEndsWhatADeviceHasSaveOffline(t *testing.T) {
	w := newDeviceWorld(t)
	b := w.browser()
	online, offline := w.device("scope", "openid read"), w.device("scope", "openid read offline_access")
	b.approve(online)
	b.approve(offline)
	one, two := online.poll().granted(t), offline.poll().granted(t)
	late := w.device()
	b.approve(late)
	session := w.introspect(one.Access)
	if session["active"] != true {
		t.Fatal("no token")
	}
	b.post(logoutPath, form("confirm", "yes"))
	w.wantActive(one.Access, false)
	w.wantActive(two.Access, true)
	w.trade("tv", "grant_type", "refresh_token", "refresh_token", one.Refresh).wantError(t, oauth.InvalidGrant)
	w.trade("tv", "grant_type", "refresh_token", "refresh_token", two.Refresh).granted(t)
	late.poll().wantError(t, oauth.InvalidGrant)
}

// A scope that demands a fresh sign-in sends a user with an old session to sign in.
func TestDeviceScopeThatNeedsAFreshSignIn(t *testing.T) {
	w := newDeviceWorld(t)
	b := w.browser()
	b.authorize(authorization("spa"))
	w.clock.pass(2 * time.Minute)
	d := w.device("scope", "payment")
	b.post(devicePath, form("user_code", d.userCode)).wantText(`data-page="signin"`)
	b.approve(d)
	if got := d.poll().granted(t); got.Scope != "payment" {
		t.Errorf("%+v", got)
	}
}

func TestDeviceRequestErrors(t *testing.T) {
	w := newDeviceWorld(t)
	for name, c := range map[string]struct {
		form   url.Values
		status int
		code   oauth.Code
	}{
		"no client":             {form("scope", "read"), 401, oauth.InvalidClient},
		"unknown client":        {form("client_id", "nobody"), 401, oauth.InvalidClient},
		"without the secret":    {form("client_id", "web"), 401, oauth.InvalidClient},
		"without the right":     {form("client_id", "spa"), 400, oauth.UnauthorizedClient},
		"scope that it has not": {form("client_id", "tv", "scope", "email"), 400, oauth.InvalidScope},
		"two scopes":            {form("client_id", "tv", "scope", "read", "scope", "openid"), 400, oauth.InvalidRequest},
		"unknown resource":      {form("client_id", "tv", "resource", "https://api.example"), 400, oauth.InvalidTarget},
	} {
		if p := w.call("POST", deviceAuthorizationPath, c.form); p.status != c.status || p.errorCode() != c.code {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
	w.trade("tv", "grant_type", string(oauth.GrantDevice)).wantError(t, oauth.InvalidRequest)
	w.trade("tv", "grant_type", string(oauth.GrantDevice), "device_code", "x").wantError(t, oauth.InvalidGrant)
	w.trade("spa", "grant_type", string(oauth.GrantDevice), "device_code", w.device().code).wantError(t, oauth.UnauthorizedClient)
}

func TestDeviceFormIsOursAndBoundToTheBrowser(t *testing.T) {
	w := newDeviceWorld(t)
	b, d := w.browser(), w.device()
	foreign := b.request("POST", devicePath, form("user_code", d.userCode), "Sec-Fetch-Site", "cross-site", "Origin", evilOrigin)
	if p := b.do(foreign); p.status != http.StatusForbidden {
		t.Errorf("another site's form: %d", p.status)
	}
	consent := b.enter(d.userCode)
	victim := w.browser()
	victim.authorize(authorization("spa"))
	victim.decide(consent, "allow").wantPlain(http.StatusBadRequest)
	d.poll().wantError(t, oauth.AuthorizationPending)
}

func TestUserCodesAreStoredAsKeyedHashes(t *testing.T) {
	w := newDeviceWorld(t)
	code, _ := oauth.ReadUserCode(w.device().userCode)
	hash, err := w.server.userCodeHash(code)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Device(context.Background(), hash, w.clock.Now()); err != nil {
		t.Error(err)
	}
	w.server.Master[0] ^= 1
	if again, _ := w.server.userCodeHash(code); string(again) == string(hash) {
		t.Error("the hash does not depend on the master key")
	}
}

func TestDevicesOfAClientAreBounded(t *testing.T) {
	w := newDeviceWorld(t)
	now := w.clock.Now()
	for i := range oauth.MaxDeviceRequests {
		w.must(w.store.StartDevice(context.Background(), store.DeviceRequest{
			UserCodeHash: []byte{byte(i), byte(i >> 8)}, ClientID: "tv", Created: now, Expires: now.Add(time.Minute),
			Network: strconv.Itoa(i),
		}, oauth.DevicePlaces{Client: oauth.MaxDeviceRequests, Network: 1}))
	}
	p := w.call("POST", deviceAuthorizationPath, form("client_id", "tv"))
	p.wantCode(http.StatusServiceUnavailable, oauth.TemporarilyUnavailable)
}

func TestDeviceDecisionsAreAudited(t *testing.T) {
	w := newDeviceWorld(t)
	w.browser().approve(w.device())
	records, _, err := w.store.Audits(context.Background(), store.AuditFilter{}, oauth.ID{}, 10)
	w.must(err)
	for _, a := range records {
		if a.Event == store.EventDeviceDecided && a.ClientID == "tv" && a.AccountID == w.alice.ID && a.Detail == "approved" {
			return
		}
	}
	t.Errorf("no record: %+v", records)
}

func TestDeviceTokensAreBoundToADPoPKey(t *testing.T) {
	w := newDeviceWorld(t)
	d := w.device()
	w.browser().approve(d)
	ask := func(claims map[string]any) page {
		return w.call("POST", tokenPath, form("client_id", "tv", "grant_type", string(oauth.GrantDevice), "device_code", d.code), "DPoP", proof(t, "dpop", claims))
	}
	claims := w.proofClaims(w.url + tokenPath)
	first := ask(claims)
	first.wantCode(400, oauth.UseDPoPNonce) // and the next try is no poll too many
	p := ask(claimsWith(claims, "nonce", first.header.Get("DPoP-Nonce")))
	p.wantStatus(200)
	if p.object()["token_type"] != "DPoP" {
		t.Errorf("%s", p.body)
	}
}
