package server

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const goodRegistration = `{"redirect_uris":["https://rp.example/cb"],"client_name":"RP","scope":"openid email"}`

// initialToken lets clients register for an hour.
func (w *world) initialToken() string {
	w.t.Helper()
	text, _, err := w.manager.NewRegistrationToken(context.Background(), w.server.issuer, time.Hour)
	w.must(err)
	return text
}

// send asks the registration endpoint, or a client's own address there.
func (w *world) send(method, address, accessToken, body string) page {
	w.t.Helper()
	b := w.blocked()
	r := b.request(method, address, nil, "Content-Type", "application/json")
	r.Body = http.NoBody
	if body != "" {
		r2, err := http.NewRequest(method, r.URL.String(), strings.NewReader(body))
		w.must(err)
		r2.Header = r.Header
		r = r2
	}
	if accessToken != "" {
		r.Header.Set("Authorization", "Bearer "+accessToken)
	}
	return b.do(r)
}

// registers makes a client and returns the answer.
func (w *world) registers(body string) map[string]any {
	w.t.Helper()
	p := w.send("POST", registerPath, w.initialToken(), body)
	p.wantStatus(http.StatusCreated)
	if p.header.Get("Cache-Control") != "no-store" {
		w.t.Errorf("Cache-Control %q", p.header.Get("Cache-Control"))
	}
	if w.second != nil {
		w.changed(nil) // the other node hears of it within 2 s, which this does not wait for
	}
	return p.object()
}

func (w *world) policy(change func(*oauth.Profile)) {
	w.t.Helper()
	_, _, err := w.manager.ChangeProfile(context.Background(), func(p *oauth.Profile) error { change(p); return nil })
	w.changed(err)
}

func TestAClientRegistersAndIsKnownAtOnce(t *testing.T) {
	w := oneNode(t)
	a := w.registers(goodRegistration)
	id, _ := a["client_id"].(string)
	for name, want := range map[string]any{
		"client_name": "RP", "scope": "openid email", "token_endpoint_auth_method": "client_secret_basic", "application_type": "web",
		"id_token_signed_response_alg": "RS256", "subject_type": "public", "client_secret_expires_at": 0.0,
		"registration_client_uri": w.url + registerPath + "/" + id,
	} {
		if a[name] != want {
			t.Errorf("%s is %v, want %v", name, a[name], want)
		}
	}
	for _, name := range []string{"client_secret", "registration_access_token"} {
		if text, _ := a[name].(string); len(text) != 43 {
			t.Errorf("%s %q has not 256 bits", name, text)
		}
	}
	c, known := w.server.current.Load().client(id)
	if !known || !c.ConsentRequired || !slices.Equal(c.Capabilities, []oauth.Capability{oauth.CapCode}) {
		t.Errorf("this node knows %+v", c)
	}
	if strings.Contains(w.log.String(), a["client_secret"].(string)) {
		t.Error("the secret is in the log")
	}
	// The secret works where clients authenticate.
	w.call("POST", revokePath, url.Values{"token": {"x"}, "client_id": {id}, "client_secret": {a["client_secret"].(string)}}).wantStatus(http.StatusUnauthorized)
	p := w.call("POST", revokePath, url.Values{"token": {"x"}}, "Authorization", basicAuth(id, a["client_secret"].(string)))
	p.wantStatus(http.StatusOK)
}

func basicAuth(id, secret string) string {
	r, _ := http.NewRequest("GET", "/", nil)
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return r.Header.Get("Authorization")
}

func TestRegisteringNeedsAnInitialAccessToken(t *testing.T) {
	w := newWorld(t)
	expired := w.initialToken()
	w.clock.pass(time.Hour)
	elsewhere, _, err := w.manager.NewRegistrationToken(t.Context(), "https://elsewhere.example", time.Hour)
	w.must(err)
	b := w.browser()
	access := b.signIn("client_id", "app").token()
	for name, accessToken := range map[string]string{
		"none": "", "rubbish": "usher_it_AAAA", "expired": expired, "of another server": elsewhere, "an access token": access,
	} {
		p := w.send("POST", registerPath, accessToken, goodRegistration)
		if p.status != http.StatusUnauthorized || p.errorCode() != oauth.InvalidToken || !strings.HasPrefix(p.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
}

func TestRegistrationPolicies(t *testing.T) {
	w := newWorld(t)
	a := w.registers(goodRegistration)
	address, own := a["registration_client_uri"].(string), a["registration_access_token"].(string)
	w.policy(func(p *oauth.Profile) { p.Registration = oauth.RegistrationInsecureOpen })
	w.send("POST", registerPath, "", goodRegistration).wantStatus(http.StatusCreated)
	w.policy(func(p *oauth.Profile) { p.Registration = oauth.RegistrationOff })
	w.send("POST", registerPath, w.initialToken(), goodRegistration).wantCode(http.StatusForbidden, oauth.AccessDenied)
	w.send("PUT", address, own, goodRegistration).wantCode(http.StatusForbidden, oauth.AccessDenied)
	w.send("GET", address, own, "").wantStatus(http.StatusOK)
}

func TestRegistrationsWithFaults(t *testing.T) {
	w := newWorld(t)
	initial := w.initialToken()
	many := `["https://rp.example/cb"` + strings.Repeat(`,"https://rp.example/cb"`, 101) + `]`
	for body, want := range map[string]oauth.Code{
		``:  oauth.InvalidClientMetadata,
		`x`: oauth.InvalidClientMetadata,
		`{"redirect_uris":["https://rp.example/#x"]}`:                                                                  oauth.InvalidRedirectURI,
		`{"redirect_uris":` + many + `}`:                                                                               oauth.InvalidRedirectURI,
		`{"redirect_uris":["https://rp.example/cb"],"logo_uri":"javascript:alert(1)"}`:                                 oauth.InvalidClientMetadata,
		`{"redirect_uris":["https://rp.example/cb"],"token_endpoint_auth_method":"private_key_jwt"}`:                   oauth.InvalidClientMetadata,
		`{"redirect_uris":["https://rp.example/cb"],"token_endpoint_auth_method":"tls_client_auth"}`:                   oauth.InvalidClientMetadata,
		`{"redirect_uris":["https://rp.example/cb"],"response_types":["id_token"]}`:                                    oauth.InvalidClientMetadata,
		`{"redirect_uris":["https://rp.example/cb"],"software_statement":"e30.e30."}`:                                  oauth.UnapprovedSoftwareStatement,
		`{"redirect_uris":["https://rp.example/cb"],"id_token_signed_response_alg":"none"}`:                            oauth.InvalidClientMetadata,
		`{"grant_types":["client_credentials"],"token_endpoint_auth_method":"none"}`:                                   oauth.InvalidClientMetadata,
		`{"redirect_uris":["https://rp.example/cb","https://other.example/cb"],"subject_type":"pairwise"}`:             oauth.InvalidClientMetadata,
		`{"redirect_uris":["https://rp.example/cb"],"sector_identifier_uri":"https://127.0.0.1:1/nobody"}`:             oauth.InvalidClientMetadata,
		`{"redirect_uris":["https://rp.example/cb"],"jwks":{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}}`:                   oauth.InvalidClientMetadata,
		`{"redirect_uris":["https://rp.example/cb"],"client_name":"` + strings.Repeat("x", 64<<10) + `"}`:              oauth.InvalidClientMetadata,
		`{"redirect_uris":["https://rp.example/cb"],"frontchannel_logout_uri":"https://elsewhere.example/out"}`:        oauth.InvalidClientMetadata,
		`{"grant_types":["urn:ietf:params:oauth:grant-type:assisted_token"],"allowed_origins":["https://rp.example"]}`: oauth.InvalidClientMetadata,
	} {
		p := w.send("POST", registerPath, initial, body)
		if p.status != http.StatusBadRequest || p.errorCode() != want || p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%.120s: want %s, got %d %.300s", body, want, p.status, p.body)
		}
	}
	b := w.blocked()
	r := b.request("POST", registerPath, url.Values{"redirect_uris": {"https://rp.example/cb"}}, "Authorization", "Bearer "+initial)
	b.do(r).wantCode(http.StatusBadRequest, oauth.InvalidClientMetadata) // a form
}

func TestSectorIdentifierListsTheRedirectURIs(t *testing.T) {
	w := newWorld(t)
	p := w.partner()
	p.publish("/sector", `["https://rp.example/cb","https://other.example/cb"]`)
	p.publish("/bad", `["https://rp.example/cb"]`)
	body := func(path string) string {
		return `{"redirect_uris":["https://rp.example/cb","https://other.example/cb"],"subject_type":"pairwise","sector_identifier_uri":"` + p.URL + path + `"}`
	}
	a := w.registers(body("/sector"))
	c, _ := w.server.current.Load().client(a["client_id"].(string))
	if c.SectorIdentifier != "127.0.0.1" || a["sector_identifier_uri"] != p.URL+"/sector" {
		t.Errorf("sector %q, answered %v", c.SectorIdentifier, a["sector_identifier_uri"])
	}
	if len(w.server.current.Load().profile.PairwiseSalt) != 32 {
		t.Error("there is no salt")
	}
	w.send("POST", registerPath, w.initialToken(), body("/bad")).wantCode(http.StatusBadRequest, oauth.InvalidClientMetadata)
}

func TestARegisteredClientReadsReplacesAndRemovesItself(t *testing.T) {
	w := newWorld(t)
	a := w.registers(goodRegistration)
	id, address, own := a["client_id"].(string), a["registration_client_uri"].(string), a["registration_access_token"].(string)

	p := w.send("GET", address, own, "")
	p.wantStatus(http.StatusOK)
	read := p.object()
	if read["client_name"] != "RP" || read["registration_access_token"] == own || read["client_secret"] != nil || p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("read %v", read)
	}

	p = w.send("PUT", address, own, `{"client_id":"`+id+`","client_secret":"`+a["client_secret"].(string)+`","redirect_uris":["https://rp.example/new"],"scope":"openid"}`)
	p.wantStatus(http.StatusOK)
	replaced := p.object()
	if replaced["client_name"] != "rp.example" || replaced["scope"] != "openid" || replaced["client_id_issued_at"] != a["client_id_issued_at"] {
		t.Errorf("replaced %v", replaced)
	}
	w.call("POST", revokePath, url.Values{"token": {"x"}}, "Authorization", basicAuth(id, a["client_secret"].(string))).wantStatus(http.StatusOK)

	own = replaced["registration_access_token"].(string)
	w.send("DELETE", address, own, "").wantStatus(http.StatusNoContent)
	w.send("GET", address, own, "").wantCode(http.StatusUnauthorized, oauth.InvalidToken)
	if _, known := w.server.current.Load().client(id); known {
		t.Error("this node still knows the client")
	}
}

func TestAClientThatAFileManagesCannotChangeItself(t *testing.T) {
	w := newWorld(t)
	a := w.registers(goodRegistration)
	id, address, own := a["client_id"].(string), a["registration_client_uri"].(string), a["registration_access_token"].(string)
	c, err := w.store.Client(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c.ManagedBy = "clients.yaml"
	if err := w.store.PutClient(t.Context(), c, c.Version, store.Audit{}); err != nil {
		t.Fatal(err)
	}
	w.send("PUT", address, own, `{"client_id":"`+id+`","redirect_uris":["https://rp.example/new"]}`).wantCode(http.StatusForbidden, oauth.AccessDenied)
	w.send("DELETE", address, own, "").wantCode(http.StatusForbidden, oauth.AccessDenied)
	w.send("GET", address, own, "").wantStatus(http.StatusOK)
}

func TestReplacingGivesASecretWhereTheMethodNeedsOne(t *testing.T) {
	w := newWorld(t)
	a := w.registers(`{"redirect_uris":["https://rp.example/cb"],"token_endpoint_auth_method":"none"}`)
	if a["client_secret"] != nil || a["client_secret_expires_at"] != nil {
		t.Errorf("a public client got %v", a)
	}
	p := w.send("PUT", a["registration_client_uri"].(string), a["registration_access_token"].(string),
		`{"client_id":"`+a["client_id"].(string)+`","redirect_uris":["https://rp.example/cb"],"token_endpoint_auth_method":"client_secret_jwt"}`)
	p.wantStatus(http.StatusOK)
	c, _ := w.server.current.Load().client(a["client_id"].(string))
	kept, err := w.server.Master.OpenSecret(c.ID, c.WrappedSecret)
	if err != nil || kept != p.object()["client_secret"] {
		t.Errorf("kept %q, %v", kept, err)
	}
}

func TestReplacingRefusesAnotherIdentity(t *testing.T) {
	w := newWorld(t)
	a := w.registers(goodRegistration)
	id, address, own := a["client_id"].(string), a["registration_client_uri"].(string), a["registration_access_token"].(string)
	for name, extra := range map[string]string{
		"no client_id": ``, "another client_id": `"client_id":"app",`, "another secret": `"client_id":"` + id + `","client_secret":"mine",`,
	} {
		p := w.send("PUT", address, own, `{`+extra+`"redirect_uris":["https://rp.example/cb"]}`)
		if p.status != http.StatusBadRequest || p.errorCode() != oauth.InvalidClientMetadata {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
}

func TestOnlyItsOwnTokenOpensARegisteredClient(t *testing.T) {
	w := newWorld(t)
	a, other := w.registers(goodRegistration), w.registers(goodRegistration)
	address, own := a["registration_client_uri"].(string), a["registration_access_token"].(string)
	for name, try := range map[string][2]string{
		"another client's token":     {address, other["registration_access_token"].(string)},
		"no token":                   {address, ""},
		"the initial access token":   {address, w.initialToken()},
		"an operator's client":       {registerPath + "/app", own},
		"an operator's, no token":    {registerPath + "/app", ""},
		"a client that is not there": {registerPath + "/nobody", own},
	} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			p := w.send(method, try[0], try[1], goodRegistration)
			if p.status != http.StatusUnauthorized || p.errorCode() != oauth.InvalidToken {
				t.Errorf("%s %s: %d %s", method, name, p.status, p.body)
			}
		}
	}
	w.send("GET", address, own, "").wantStatus(http.StatusOK)
}

func TestADisabledClientCannotManageItself(t *testing.T) {
	w := newWorld(t)
	a := w.registers(goodRegistration)
	w.change(a["client_id"].(string), func(c *oauth.Client) { c.Disabled = true })
	w.send("PUT", a["registration_client_uri"].(string), a["registration_access_token"].(string), goodRegistration).
		wantCode(http.StatusUnauthorized, oauth.InvalidToken)
}

func TestReplacingAsksTheUsersAgain(t *testing.T) {
	w := newWorld(t)
	a := w.registers(goodRegistration)
	id := a["client_id"].(string)
	w.change(id, func(c *oauth.Client) { c.ConsentRequired, c.FramedInteraction = false, true })
	w.send("PUT", a["registration_client_uri"].(string), a["registration_access_token"].(string),
		`{"client_id":"`+id+`","redirect_uris":["https://elsewhere.example/cb"]}`).wantStatus(http.StatusOK)
	if c, _ := w.server.current.Load().client(id); !c.ConsentRequired || c.FramedInteraction {
		t.Errorf("consent %v, framed %v", c.ConsentRequired, c.FramedInteraction)
	}
}

func TestAnotherNodeKnowsARegisteredClientAtItsAddressAtOnce(t *testing.T) {
	w := newWorld(t)
	a := w.registers(goodRegistration)
	other := w.server.current.Load()
	stale := *other
	stale.revision, stale.clients = 0, map[string]known{}
	w.server.current.Store(&stale)
	w.send("GET", a["registration_client_uri"].(string), a["registration_access_token"].(string), "").wantStatus(http.StatusOK)
}

func TestReplacingLeavesWhatAnOperatorSet(t *testing.T) {
	w := newWorld(t)
	a := w.registers(goodRegistration)
	id := a["client_id"].(string)
	w.change(id, func(c *oauth.Client) { c.AccessTokenSeconds, c.Resources = 30, []string{"https://api.example/"} })
	w.send("PUT", a["registration_client_uri"].(string), a["registration_access_token"].(string),
		`{"client_id":"`+id+`","redirect_uris":["https://rp.example/cb"]}`).wantStatus(http.StatusOK)
	c, _ := w.server.current.Load().client(id)
	if c.AccessTokenSeconds != 30 || len(c.Resources) != 1 {
		t.Errorf("left %+v", c)
	}
}

func TestThereIsRoomForSoManyRegisteredClients(t *testing.T) {
	w := newWorld(t)
	m := &manage.Manager{Store: crowded{w.store}, Master: w.manager.Master, Now: w.clock.Now, Rand: rand.Reader, Actor: "test"}
	_, err := m.RegisterClient(t.Context(), oauth.Client{Capabilities: []oauth.Capability{oauth.CapCode}, RedirectURIs: []string{"https://rp.example/cb"}})
	if e := registrationFault(err); e.Code != oauth.TemporarilyUnavailable {
		t.Errorf("got %v", err)
	}
}

// crowded is a store with as many registered clients as may be.
type crowded struct{ store.Store }

func (s crowded) Load(ctx context.Context) (store.Snapshot, error) {
	snap, err := s.Store.Load(ctx)
	for range manage.MaxRegistered {
		c := oauth.Client{}
		c.RegistrationTokenHash = []byte{1}
		snap.Clients = append(snap.Clients, c)
	}
	return snap, err
}

func TestOneAddressCannotFloodTheRegistration(t *testing.T) {
	w := oneNode(t)
	w.policy(func(p *oauth.Profile) { p.Registration = oauth.RegistrationInsecureOpen })
	later := w.clock.Now().Add(time.Hour) // so that no attempt comes back while this test runs
	for range addressBurst {
		w.server.addresses.Allow(netip.MustParseAddr("127.0.0.1"), later)
	}
	p := w.send("POST", registerPath, "", goodRegistration)
	if p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" {
		t.Errorf("one address registered as often as it liked: %d", p.status)
	}
}

func TestRegistrationsAreAudited(t *testing.T) {
	w := newWorld(t)
	w.registers(goodRegistration)
	if n := w.audits(store.EventRegistrationToken); n != 1 {
		t.Errorf("%d records of the initial access token", n)
	}
	records, _, err := w.store.Audits(t.Context(), store.AuditFilter{}, oauth.ID{}, 1)
	w.must(err)
	if records[0].Event != store.EventClientChanged || !strings.HasPrefix(records[0].Actor, "registration:") || !strings.HasPrefix(records[0].ClientID, "registered-") {
		t.Errorf("recorded %+v", records[0])
	}
}

// A client may come to a node that has not heard of it, nor of what was made for it: the salt, for the first pairwise one.
func TestAClientOfAnotherNodeBringsItsSalt(t *testing.T) {
	w := oneNode(t)
	w.allowAll()
	c := oauth.Client{Name: "RP", Capabilities: []oauth.Capability{oauth.CapCode}, RedirectURIs: []string{callback}}
	c.SubjectType, c.AuthMethod = oauth.SubjectPairwise, oauth.AuthNone
	made, err := w.manager.RegisterClient(t.Context(), c) // as another node does
	w.must(err)
	v, refused := w.server.visitBy(t.Context(), made.Client.ID)
	if refused != nil || len(v.snap.profile.PairwiseSalt) == 0 {
		t.Errorf("%v: the client is known and the salt is not", refused)
	}
}

// What an operator took away stays away: a client may only narrow itself.
func TestARegisteredClientCannotWidenItself(t *testing.T) {
	w := newWorld(t)
	a := w.registers(goodRegistration)
	id, own := a["client_id"].(string), a["registration_access_token"].(string)
	w.change(id, func(c *oauth.Client) { c.Scope = []string{"openid"} })
	p := w.send("PUT", a["registration_client_uri"].(string), own,
		`{"client_id":"`+id+`","redirect_uris":["https://rp.example/cb"],"grant_types":["authorization_code","refresh_token"],"scope":"openid email"}`)
	p.wantStatus(http.StatusOK)
	if got := p.object(); got["scope"] != "openid" {
		t.Errorf("scope %v", got["scope"])
	}
	w.send("PUT", a["registration_client_uri"].(string), own, `{"client_id":"`+id+`","redirect_uris":["https://rp.example/cb"],"scope":"email"}`).
		wantCode(http.StatusBadRequest, oauth.InvalidClientMetadata) // or it would have the profile's default
	c, err := w.manager.Client(t.Context(), id)
	w.must(err)
	if !slices.Equal(c.Capabilities, []oauth.Capability{oauth.CapCode}) {
		t.Errorf("capabilities %v", c.Capabilities)
	}
}
