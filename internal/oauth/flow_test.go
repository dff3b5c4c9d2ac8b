package oauth_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
)

var all = []string{"openid", "read", "email", "payment"}

// nextCase is one question to NextStep; the zero value asks for "read" with nothing special, at noon, of
// somebody who signed in an hour ago.
type nextCase struct {
	name    string
	query   string
	scope   []string
	started time.Duration // how long ago the flow began
	nobody  bool
	age     time.Duration // of the authentication; an hour where zero
	idle    time.Duration // since the last use
	expires time.Duration // from now; a day where zero
	require bool          // the client's users must consent
	agreed  []string      // nil: never
	when    time.Duration // how long ago they agreed
	want    oauth.Step
}

func (tt *nextCase) step(t *testing.T) oauth.Step {
	t.Helper()
	r, err := oauth.ParseAssisted(query(t, tt.query))
	if err != nil {
		t.Fatal(err)
	}
	f := &oauth.Flow{ClientID: "app", Request: r, Started: noon.Add(-tt.started)}
	c, p := &oauth.Client{ID: "app", Scope: all, ConsentRequired: tt.require}, oauth.DefaultProfile()
	if tt.scope == nil {
		tt.scope = []string{"read"}
	}
	if tt.nobody {
		return oauth.NextStep(f, nil, tt.scope, c, &p, noon)
	}
	if tt.age == 0 {
		tt.age = time.Hour
	}
	st := standing(tt.age)
	st.Session.LastUsed = noon.Add(-tt.idle)
	if tt.expires != 0 {
		st.Session.Expires = noon.Add(tt.expires)
	}
	if tt.agreed != nil {
		st.Consent = &oauth.Consent{Scope: tt.agreed, Updated: noon.Add(-tt.when)}
	}
	return oauth.NextStep(f, st, tt.scope, c, &p, noon)
}

func TestNextStep(t *testing.T) {
	const (
		authenticate = oauth.StepAuthenticate
		consent      = oauth.StepConsent
		done         = oauth.StepDone
		ms           = time.Millisecond
		long         = 24 * time.Hour
	)
	payment, read := []string{"payment", "read"}, []string{"read"}
	for _, tt := range []nextCase{
		{name: "nobody is there", nobody: true, want: authenticate},
		{name: "nobody is there, silently", nobody: true, query: "prompt=none", want: authenticate},
		{name: "nobody is there, though consent is asked", nobody: true, query: "prompt=consent", require: true, want: authenticate},
		{name: "a session", want: done},
		{name: "a session, silently", query: "prompt=none", want: done},
		{name: "idle just short of the timeout", age: 2 * time.Hour, idle: time.Hour - ms, want: done},
		{name: "idle too long", age: 2 * time.Hour, idle: time.Hour, want: authenticate},
		{name: "in its last moment", expires: ms, want: done},
		{name: "over", expires: -ms, want: authenticate},
		{name: "over before consent is asked for", expires: -ms, require: true, want: authenticate},

		{name: "prompt=login", query: "prompt=login", want: authenticate},
		{name: "prompt=login, a second after a sign-in", query: "prompt=login", age: time.Second, want: authenticate},
		{name: "prompt=login, signed in within the flow", query: "prompt=login", started: 30 * time.Second, age: 10 * time.Second, want: done},
		{name: "prompt=login, signed in as the flow began", query: "prompt=login", started: time.Minute, age: time.Minute, want: done},
		{name: "prompt=login, signed in just before the flow", query: "prompt=login", started: time.Minute, age: time.Minute + ms, want: authenticate},
		{name: "signed in tomorrow, by a clock that was ahead", age: -long, want: done},
		{name: "prompt=login, signed in tomorrow", query: "prompt=login", age: -long, want: authenticate},
		{name: "max_age, signed in tomorrow", query: "max_age=3600", age: -long, want: authenticate},
		{name: "payment, signed in tomorrow", scope: payment, age: -long, want: authenticate},
		{name: "prompt=login, by a node that is a little ahead", query: "prompt=login", age: -30 * time.Second, want: done},
		{name: "force_auth", query: "force_auth=true", want: authenticate},

		{name: "max_age not reached", query: "max_age=3601", want: done},
		{name: "max_age just reached", query: "max_age=3600", want: done},
		{name: "max_age passed", query: "max_age=3600", age: time.Hour + ms, want: authenticate},
		{name: "max_age passed, silently", query: "max_age=60&prompt=none", want: authenticate},
		{name: "max_age=0", query: "max_age=0", age: ms, want: authenticate},
		{name: "max_age=0, signed in within the flow", query: "max_age=0", started: 9 * time.Minute, age: 8 * time.Minute, want: done},
		{name: "a huge max_age", query: "max_age=18446744073709551615", want: done},

		{name: "payment, 60 s after a sign-in", scope: payment, age: time.Minute, want: done},
		{name: "payment, a moment later", scope: payment, age: time.Minute + ms, want: authenticate},
		{name: "payment, silently", scope: payment, query: "prompt=none", want: authenticate},
		{name: "payment of a slow user who signed in within the flow", scope: payment, started: 9 * time.Minute, age: 5 * time.Minute, want: done},
		{name: "payment, max_age allows more", scope: payment, query: "max_age=3600", age: 2 * time.Minute, want: authenticate},
		{name: "payment, max_age allows less", scope: payment, query: "max_age=10", age: 30 * time.Second, want: authenticate},
		{name: "a slow user still needs a live session", scope: payment, started: 9 * time.Minute, age: 5 * time.Minute, expires: -ms, want: authenticate},

		{name: "consent is not required", want: done},
		{name: "consent never given", require: true, want: consent},
		{name: "consent never given, silently", require: true, query: "prompt=none", want: consent},
		{name: "consent never given, no scope", require: true, scope: []string{}, want: consent},
		{name: "consent remembered", require: true, agreed: read, when: long, want: done},
		{name: "consent remembered, silently", require: true, agreed: read, when: long, query: "prompt=none", want: done},
		{name: "consent remembered for more", require: true, agreed: all, when: long, want: done},
		{name: "consent remembered for nothing, no scope", require: true, scope: []string{}, agreed: []string{}, when: long, want: done},
		{name: "consent remembered for less", require: true, scope: []string{"read", "email"}, agreed: read, when: long, want: consent},
		{name: "consent does not replace a sign-in", require: true, agreed: all, scope: payment, want: authenticate},
		{name: "consent after a fresh sign-in", require: true, scope: payment, age: time.Second, want: consent},

		{name: "prompt=consent, not required, never given", query: "prompt=consent", want: consent},
		{name: "prompt=consent, remembered", query: "prompt=consent", require: true, agreed: read, when: long, want: consent},
		{name: "prompt=consent, given within the flow", query: "prompt=consent", require: true, started: time.Minute, agreed: read, when: time.Second, want: done},
		{name: "prompt=consent, given as the flow began", query: "prompt=consent", started: time.Minute, agreed: read, when: time.Minute, want: done},
		{name: "prompt=consent, given just before", query: "prompt=consent", started: time.Minute, agreed: read, when: time.Minute + ms, want: consent},
		{name: "prompt=consent, something else given within the flow", query: "prompt=consent", started: time.Minute, agreed: []string{"email"}, when: time.Second, want: consent},
		{name: "prompt=login consent asks for the sign-in first", query: "prompt=login+consent", require: true, want: authenticate},
		{name: "prompt=login consent, then for consent", query: "prompt=login+consent", started: time.Minute, age: time.Second, agreed: read, when: long, want: consent},
		{name: "prompt=login consent, then done", query: "prompt=login+consent", started: time.Minute, age: 30 * time.Second, agreed: read, when: time.Second, want: done},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.step(t); got != tt.want {
				t.Errorf("step %d, want %d", got, tt.want)
			}
		})
	}
}

func TestSilentError(t *testing.T) {
	if e := message.SilentError(oauth.StepAuthenticate); e.Code != oauth.InteractionRequired {
		t.Errorf("no session: %v", e)
	}
	if e := (&oauth.Flow{Ending: oauth.EndRedirect}).SilentError(oauth.StepAuthenticate); e.Code != oauth.LoginRequired {
		t.Errorf("nobody is signed in, by redirect: %s", e.Code)
	}
	if e := message.SilentError(oauth.StepConsent); e.Code != oauth.ConsentRequired {
		t.Errorf("no consent: %v", e)
	}
}

func TestMayBeFramed(t *testing.T) {
	for _, tt := range []struct{ consent, framed, want bool }{
		{false, false, true}, {true, false, false}, {true, true, true}, {false, true, true},
	} {
		c := &oauth.Client{ConsentRequired: tt.consent, FramedInteraction: tt.framed}
		if got := c.MayBeFramed(); got != tt.want {
			t.Errorf("%+v: %t", tt, got)
		}
	}
}

func TestFlowExpires(t *testing.T) {
	f := oauth.Flow{Started: noon}
	for after, want := range map[time.Duration]bool{
		0: false, 10 * time.Minute: false, 10*time.Minute + time.Millisecond: true, -time.Minute: false, // another node's clock
		-time.Minute - time.Millisecond: true,
	} {
		if got := f.Expired(noon.Add(after)); got != want {
			t.Errorf("after %s: %t", after, got)
		}
	}
}

// A flow travels as JSON: what it asks must come back as it went, max_age=0 and no max_age told apart.
func TestFlowSurvivesTheSeal(t *testing.T) {
	for _, raw := range []string{"", "max_age=0", "max_age=60&prompt=login+consent&scope=openid+read&nonce=n&login_hint=%C3%A9%22"} {
		r, err := oauth.ParseAssisted(query(t, raw))
		if err != nil {
			t.Fatal(err)
		}
		f := oauth.Flow{
			ClientID: "app", Origin: "https://a.example", Ending: oauth.EndDone, Request: r, Framed: true, Binding: []byte{1, 2}, Started: noon,
		}
		text, fault := json.Marshal(f)
		if fault != nil {
			t.Fatal(fault)
		}
		var back oauth.Flow
		if fault := json.Unmarshal(text, &back); fault != nil {
			t.Fatal(fault)
		}
		if diff := cmp.Diff(f, back); diff != "" {
			t.Errorf("%q: %s", raw, diff)
		}
	}
}
