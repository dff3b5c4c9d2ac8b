package oauth_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
)

func TestParseID(t *testing.T) {
	good := oauth.ID{0: 0xff, 7: 0x3e, 15: 1}
	if got, err := oauth.ParseID(good.String()); err != nil || got != good {
		t.Errorf("ParseID(%q) = %v, %v", good, got, err)
	}
	for name, s := range map[string]string{
		"empty":                    "",
		"short":                    "AAAAAAAAAAAAAAAAAAAAA",
		"long":                     "AAAAAAAAAAAAAAAAAAAAAAA",
		"padded":                   "AAAAAAAAAAAAAAAAAAAA==",
		"standard alphabet":        "AAAAAAAAAAAAAAAAAAAA+A",
		"bits left over":           "AAAAAAAAAAAAAAAAAAAAAB",
		"two newlines":             "AAAAAAAAAAAAAAAAAAAA\n\n",
		"newlines inside":          "AAAA\r\nAAAAAAAAAAAAAAAA",
		"three newlines":           "\nAAAAAAAAAA\nAAAAAAAAA\n",
		"space":                    "AAAAAAAAAAAAAAAAAAAAA ",
		"not ASCII, 22 bytes long": "AAAAAAAAAAAAAAAAAAAAé",
	} {
		if got, err := oauth.ParseID(s); err == nil || !got.IsZero() {
			t.Errorf("%s: ParseID(%q) = %v, %v; want an error and no value", name, s, got, err)
		}
	}
}

func TestIDInJSON(t *testing.T) {
	text, err := json.Marshal(map[string]oauth.ID{"id": {0: 1}})
	if err != nil || string(text) != `{"id":"AQAAAAAAAAAAAAAAAAAAAA"}` {
		t.Errorf("Marshal: %s, %v", text, err)
	}
	var back map[string]oauth.ID
	if err := json.Unmarshal(text, &back); err != nil || back["id"] != (oauth.ID{0: 1}) {
		t.Errorf("Unmarshal: %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"id":"short"}`), &back); err == nil {
		t.Error("a damaged identifier was read")
	}
	if (oauth.ID{}).IsZero() != true || (oauth.ID{15: 1}).IsZero() {
		t.Error("IsZero")
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("AQAAAAAAAAAAAAAAAAAAAA")
	f.Add("AAAAAAAAAAAAAAAAAAAA\n\n")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := oauth.ParseID(s)
		if err != nil {
			if !got.IsZero() {
				t.Errorf("an error and a value for %q", s)
			}
			return
		}
		if got.String() != s {
			t.Errorf("%q and %q are the same identifier", s, got)
		}
		if raw, err := base64.RawURLEncoding.DecodeString(s); err != nil || len(raw) != 16 {
			t.Errorf("%q was accepted", s)
		}
	})
}

func TestSessionLive(t *testing.T) {
	for _, tt := range []struct {
		name                string
		sinceUse, sinceAuth time.Duration
		live                bool
	}{
		{"just used", 0, time.Minute, true},
		{"idle almost too long", time.Hour - time.Millisecond, 2 * time.Hour, true},
		{"idle for exactly the timeout", time.Hour, 2 * time.Hour, false},
		{"idle too long", time.Hour + time.Millisecond, 2 * time.Hour, false},
		{"almost too old, in use", 0, 24*time.Hour - time.Millisecond, true},
		{"too old, though in use", 0, 24 * time.Hour, false},
		{"used on a node whose clock is ahead", -10 * time.Second, time.Minute, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := oauth.Session{
				LastUsed: noon.Add(-tt.sinceUse), IdleTimeout: time.Hour, Expires: noon.Add(24*time.Hour - tt.sinceAuth),
			}
			if got := s.Live(noon); got != tt.live {
				t.Errorf("Live = %t", got)
			}
		})
	}
}

func TestTouchDueAtMostOncePerTenth(t *testing.T) {
	s := oauth.Session{LastUsed: noon, IdleTimeout: time.Hour}
	for after, due := range map[time.Duration]bool{
		-time.Second: false, 0: false, 6 * time.Minute: false, 6*time.Minute + time.Millisecond: true,
	} {
		if got := s.TouchDue(noon.Add(after)); got != due {
			t.Errorf("TouchDue after %s = %t", after, got)
		}
	}
}

func TestConsentCovers(t *testing.T) {
	c := &oauth.Consent{Scope: []string{"openid", "read"}}
	for _, tt := range []struct {
		consent *oauth.Consent
		want    []string
		covers  bool
	}{
		{nil, nil, false},
		{nil, []string{"read"}, false},
		{c, nil, true},
		{c, []string{"read"}, true},
		{c, []string{"read", "openid"}, true},
		{c, []string{"read", "email"}, false},
		{&oauth.Consent{}, nil, true},
	} {
		if got := tt.consent.Covers(tt.want); got != tt.covers {
			t.Errorf("%v covers %v = %t", tt.consent, tt.want, got)
		}
	}
}

func TestCapabilityOnBothSides(t *testing.T) {
	c, p := oauth.Client{Capabilities: []oauth.Capability{oauth.CapAssistedToken}}, oauth.DefaultProfile()
	if !c.Can(oauth.CapAssistedToken) || c.Can(oauth.CapIntrospection) || !p.Can(oauth.CapIntrospection) {
		t.Error("Can")
	}
	if p.Can("implicit") {
		t.Error("the profile can what does not exist")
	}
	confidential := &oauth.Client{ClientAuthentication: oauth.ClientAuthentication{SecretHash: []byte{1}}}
	if (&oauth.Client{}).IsPublic() != true || confidential.IsPublic() {
		t.Error("IsPublic")
	}
	if (&oauth.Client{ID: "a"}).DisplayName() != "a" || (&oauth.Client{ID: "a", Name: "An app"}).DisplayName() != "An app" {
		t.Error("DisplayName")
	}
	if p.Capabilities[0] = "changed"; oauth.Capabilities[0] == "changed" {
		t.Error("profiles share one list")
	}
}

func TestUserInfoByScope(t *testing.T) {
	a, p := &standing(0).Account, oauth.DefaultProfile()
	a.Attributes = json.RawMessage(`{"given_name": "Alice", "email_verified": true, "shoe_size": 38, "iss": "mine"}`)
	for scope, want := range map[string]string{
		"":                     `{"sub":"s"}`,
		"openid":               `{"sub":"s"}`,
		"openid email":         `{"email":"alice@example.com","email_verified":true,"sub":"s"}`,
		"openid profile":       `{"given_name":"Alice","name":"Alice A.","preferred_username":"alice","sub":"s"}`,
		"openid profile email": `{"email":"alice@example.com","email_verified":true,"given_name":"Alice","name":"Alice A.","preferred_username":"alice","sub":"s"}`,
	} {
		got, err := json.Marshal(oauth.UserInfo(&oauth.AccessToken{Subject: "s", Scope: strings.Fields(scope)}, a, &p))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("scope %q: %s", scope, diff)
		}
	}
}
