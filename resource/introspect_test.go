package resource

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestIntrospection(t *testing.T) {
	i := newIssuer(t)
	now := i.clock.Now().Unix()
	rule := i.verifier(ByIntrospection(apiID, secret)).Require()
	tests := []struct {
		name   string
		change map[string]any
		status int
	}{
		{"a good token", nil, 200},
		{"one audience as a string", map[string]any{"aud": audience}, 200},
		{"no issuer: it was the issuer that answered", map[string]any{"iss": nil}, 200},
		{"no end", map[string]any{"exp": nil}, 200},
		{"inactive", map[string]any{"active": false}, 401},
		{"for another audience", map[string]any{"aud": "https://other.example.com"}, 401},
		{"for none", map[string]any{"aud": nil}, 401},
		{"an audience of another type", map[string]any{"aud": map[string]any{}}, 401},
		{"from another issuer", map[string]any{"iss": "https://evil.example.com"}, 401},
		{"an issuer of another type", map[string]any{"iss": 1}, 401},
		{"expired", map[string]any{"exp": now}, 401},
		{"not yet", map[string]any{"nbf": now + 60}, 401},
		{"an end that is no time", map[string]any{"exp": "soon"}, 401},
		{"a refresh token", map[string]any{"token_type": nil}, 401},
		{"bound in an unknown way", map[string]any{"cnf": map[string]any{"kid": "x"}}, 401},
		{"bound to nothing", map[string]any{"cnf": map[string]any{}}, 401},
		{"a binding of another type", map[string]any{"cnf": "x"}, 401},
		{"active is no boolean", map[string]any{"active": "true"}, 503},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			token := i.handle(base64sum(tc.name), tc.change)
			if w := call(rule, "Authorization", "Bearer "+token); w.Code != tc.status {
				t.Errorf("status %d, want %d: %s", w.Code, tc.status, w.Body)
			}
		})
	}
}

func TestTokenIsInTheContext(t *testing.T) {
	i := newIssuer(t)
	now := i.clock.Now()
	w := call(i.verifier(ByIntrospection(apiID, secret)).Require(), "Authorization", "Bearer "+i.handle("good", nil))
	var got Token
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Subject != "alice" || got.ClientID != "app" || !slices.Equal(got.Scope, []string{"openid", "read"}) || got.ACR != "pwd" ||
		!got.Expires.Equal(now.Add(5*time.Minute)) || !got.AuthTime.Equal(now.Add(-time.Minute)) ||
		!strings.Contains(string(got.Claims), `"jti":"1"`) {
		t.Errorf("%+v", got)
	}
}

func TestStaleness(t *testing.T) {
	tests := []struct {
		name            string
		options         []Option
		after           time.Duration
		questions, code int
	}{
		{"within five seconds by default", nil, 4999 * time.Millisecond, 1, 200},
		{"after five seconds", nil, 5 * time.Second, 2, 401},
		{"as stated", []Option{MaxStaleness(time.Minute)}, 59 * time.Second, 1, 200},
		{"none", []Option{MaxStaleness(0)}, 0, 2, 401},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			i := newIssuer(t)
			rule := i.verifier(ByIntrospection(apiID, secret), tc.options...).Require()
			i.handle("good", nil)
			if w := call(rule, "Authorization", "Bearer good"); w.Code != http.StatusOK {
				t.Fatal(w.Code, w.Body)
			}
			i.revoke("good")
			i.clock.forward(tc.after)
			if w := call(rule, "Authorization", "Bearer good"); w.Code != tc.code {
				t.Errorf("status %d, want %d", w.Code, tc.code)
			}
			if n, _ := i.counts(); n != tc.questions {
				t.Errorf("%d questions, want %d", n, tc.questions)
			}
		})
	}
}

func TestKeptAnswerEndsWithItsToken(t *testing.T) {
	i := newIssuer(t)
	rule := i.verifier(ByIntrospection(apiID, secret), MaxStaleness(time.Hour)).Require()
	i.handle("good", nil)
	for _, want := range []int{200, 401} {
		if w := call(rule, "Authorization", "Bearer good"); w.Code != want {
			t.Errorf("status %d, want %d", w.Code, want)
		}
		i.clock.forward(5 * time.Minute)
	}
}

func TestRefusedTokenIsRememberedShortly(t *testing.T) {
	i := newIssuer(t)
	rule := i.verifier(ByIntrospection(apiID, secret)).Require()
	for range 5 {
		if w := call(rule, "Authorization", "Bearer later"); w.Code != http.StatusUnauthorized {
			t.Fatal(w.Code)
		}
	}
	i.handle("later", nil)
	i.clock.forward(time.Second)
	if w := call(rule, "Authorization", "Bearer later"); w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
	if n, _ := i.counts(); n != 2 {
		t.Errorf("%d questions, want 2", n)
	}
}

func TestConcurrentQuestionsAreOne(t *testing.T) {
	const callers = 32
	var questions, arrived atomic.Int32
	answer := make(chan struct{})
	now := time.Now()
	a := newAnswers(time.Minute, func() time.Time {
		if arrived.Add(1) == callers {
			close(answer)
		}
		return now
	}, func(context.Context, string) (Token, error) {
		questions.Add(1)
		<-answer
		return Token{Subject: "alice"}, nil
	})
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			if got, err := a.get(t.Context(), "good"); err != nil || got.Subject != "alice" {
				t.Errorf("%v %v", got, err)
			}
		})
	}
	wg.Wait()
	if n := questions.Load(); n != 1 {
		t.Errorf("%d questions, want 1", n)
	}
}

func TestCallerThatLeavesCancelsNobodyElse(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	a := newAnswers(time.Minute, time.Now, func(ctx context.Context, _ string) (Token, error) {
		close(asked)
		<-answer
		return Token{}, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := a.get(ctx, "good")
		left <- err
	}()
	<-asked
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that left got %v", err)
	}
	close(answer)
	if _, err := a.get(t.Context(), "good"); err != nil {
		t.Errorf("the caller that stayed got %v", err)
	}
}

func TestFloodOfBadTokensDrivesOutNoGoodOne(t *testing.T) {
	a := newAnswers(time.Minute, time.Now, func(_ context.Context, text string) (Token, error) {
		if text == "good" {
			return Token{}, nil
		}
		return Token{}, inactive
	})
	a.good, a.refused = newRecent(2), newRecent(2)
	for _, text := range []string{"good", "a", "b", "c", "d"} {
		a.run(&lookup{key: sha256.Sum256([]byte(text)), asked: time.Now(), done: make(chan struct{})}, text)
	}
	if n := len(a.good.entries); n != 1 || a.good.order.Len() != n {
		t.Errorf("%d good ones are kept, want 1", n)
	}
	if n := len(a.refused.entries); n != 2 || a.refused.order.Len() != n {
		t.Errorf("%d refused ones are kept, want 2", n)
	}
}

func TestLatestQuestionCounts(t *testing.T) {
	start := time.Now()
	a := newAnswers(time.Minute, time.Now, func(_ context.Context, text string) (Token, error) {
		if text == "first" {
			return Token{}, nil
		}
		return Token{}, inactive
	})
	key := hash{1}
	a.run(&lookup{key: key, asked: start.Add(time.Second), done: make(chan struct{})}, "second")
	a.run(&lookup{key: key, asked: start, done: make(chan struct{})}, "first")
	if a.good.get(key) != nil || a.refused.get(key) == nil {
		t.Error("an answer that came late replaced that to a later question")
	}
}

func TestServerThatIsDownIsNotTheTokensFault(t *testing.T) {
	i := newIssuer(t)
	rule := i.verifier(ByIntrospection(apiID, secret)).Require()
	i.handle("good", nil)
	i.setDown(true)
	w := call(rule, "Authorization", "Bearer good")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if log := i.log.String(); !strings.Contains(log, "could not be checked") || strings.Contains(log, "Bearer good") {
		t.Errorf("the log says %q", log)
	}
	i.setDown(false)
	i.clock.forward(time.Second)
	if w := call(rule, "Authorization", "Bearer good"); w.Code != http.StatusOK {
		t.Errorf("it is up again: %d %s", w.Code, w.Body)
	}
}

func TestWrongCredentialsAreNotTheTokensFault(t *testing.T) {
	i := newIssuer(t)
	i.handle("good", nil)
	w := call(i.verifier(ByIntrospection(apiID, "old")).Require(), "Authorization", "Bearer good")
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(i.log.String(), "client id and secret") {
		t.Errorf("%d %s", w.Code, i.log.String())
	}
}

func TestQuestionsUnderWayAreBounded(t *testing.T) {
	hold, begun := make(chan struct{}), make(chan struct{}, maxQuestions)
	a := newAnswers(0, time.Now, func(context.Context, string) (Token, error) {
		begun <- struct{}{}
		<-hold
		return Token{}, nil
	})
	for range maxQuestions {
		go a.get(t.Context(), "one")
	}
	for range maxQuestions {
		<-begun
	}
	if _, err := a.get(t.Context(), "one more"); !errors.Is(err, errBusy) {
		t.Errorf("one more than there may be: %v", err)
	}
	close(hold)
}
