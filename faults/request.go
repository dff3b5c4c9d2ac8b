package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

// baseURL is the address that all nodes serve under; each listens at another.
const baseURL = "https://localhost:8443"

const (
	// promised is how soon every request is answered, whatever happens to the database.
	promised = 5 * time.Second
	// slack is what a loaded machine may add to what is promised.
	slack = 1500 * time.Millisecond
	// clientPatience is when the client gives up.
	clientPatience = 12 * time.Second
)

// outcome is what is known of a request once it is over.
type outcome int

const (
	answered    outcome = iota // the server decided: done, or refused by a rule
	unavailable                // 503, or temporarily_unavailable
	unreachable                // no connection: the request was not sent
	lost                       // sent, and no answer came
	broken                     // a 5xx other than 503, or server_error
)

var outcomeNames = []string{"answered", "503", "unreachable", "no answer", "5xx"}

func (o outcome) String() string { return outcomeNames[o] }

// request is what a client sends.
type request struct {
	name   string // for the ledger
	path   string
	query  url.Values
	form   url.Values // a POST where not nil
	cookie string
	header map[string]string
	secret [2]string // id and secret of a client that has one
}

// answer is what came back.
type answer struct {
	outcome
	node       *node
	name       string
	start, end time.Time
	status     int
	header     http.Header
	body       string
	fields     map[string]any // of JSON, of the message to an app, or of the redirect's query
	failure    error
	excuse     excuse // of the node, at the start or at the end
}

// client is one user agent: it keeps a connection to each node.
type client struct {
	to    *node
	agent *http.Client
}

// newClient speaks HTTP/2 where asked to. It comes from a loopback address of its own.
func newClient(to *node, trust *tls.Config, number int, http2 bool) *client {
	dialer := net.Dialer{
		Timeout: 3 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(2+number%250))},
	}
	return &client{to: to, agent: &http.Client{
		Timeout:       clientPatience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: trust.Clone(), ForceAttemptHTTP2: http2,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, to.address)
			},
		},
	}}
}

func (c *client) close() { c.agent.CloseIdleConnections() }

// send sends a request and reads the answer.
func (c *client) send(q request) answer {
	a := answer{node: c.to, name: q.name, start: time.Now(), excuse: c.to.excused()}
	connected := false
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }}
	r, err := q.build(httptrace.WithClientTrace(context.Background(), trace))
	if err == nil {
		a.read(c.agent.Do(r))
		err = a.failure
	}
	a.end = time.Now()
	a.excuse = either(a.excuse, c.to.excused())
	switch {
	case err != nil && !connected:
		a.outcome, a.failure = unreachable, err
	case err != nil:
		a.outcome, a.failure = lost, err
	case a.status == http.StatusServiceUnavailable || a.text("error") == "temporarily_unavailable":
		a.outcome = unavailable
	case a.status >= 500 || a.text("error") == "server_error":
		a.outcome = broken
	}
	return a
}

// either is what one of two allows.
func either(x, y excuse) excuse {
	return excuse{
		unreachable: x.unreachable || y.unreachable, breaks: x.breaks || y.breaks,
		unavailable: x.unavailable || y.unavailable, refuses: x.refuses || y.refuses,
	}
}

func (q request) build(ctx context.Context) (*http.Request, error) {
	method, body, address := "GET", "", baseURL+q.path
	if q.form != nil {
		method, body = "POST", q.form.Encode()
	}
	if q.query != nil {
		address += "?" + q.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if q.form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if q.cookie != "" {
		r.Header.Set("Cookie", q.cookie)
	}
	if q.secret[0] != "" {
		r.SetBasicAuth(q.secret[0], q.secret[1])
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	return r, nil
}

// read takes what the answer says.
func (a *answer) read(r *http.Response, err error) {
	if err != nil {
		a.failure = err
		return
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	a.status, a.header, a.body, a.failure = r.StatusCode, r.Header, string(text), err
	a.fields = fieldsOf(r, a.body)
}

// message begins the object that a page of ours posts to the app.
const message = ",message={"

func fieldsOf(r *http.Response, body string) map[string]any {
	fields := map[string]any{}
	if to, err := r.Location(); err == nil {
		for name := range to.Query() {
			fields[name] = to.Query().Get(name)
		}
		return fields
	}
	if i := strings.Index(body, message); i >= 0 {
		body = body[i+len(message)-1:]
	}
	json.NewDecoder(strings.NewReader(body)).Decode(&fields) // what is no object has no fields
	return fields
}

func (a *answer) text(field string) string {
	s, _ := a.fields[field].(string)
	return s
}

// setCookie is the cookie of this name that the answer sets, as name=value.
func (a *answer) setCookie(name string) string {
	for _, line := range a.header.Values("Set-Cookie") {
		if pair, _, _ := strings.Cut(line, ";"); strings.HasPrefix(pair, name+"=") {
			return pair
		}
	}
	return ""
}

// shortly says what the answer was, for the ledger's evidence.
func (a *answer) shortly() string {
	switch {
	case a.failure != nil:
		return a.outcome.String() + ": " + a.failure.Error()
	case a.text("error") != "":
		return http.StatusText(a.status) + " " + a.text("error")
	}
	return http.StatusText(a.status)
}
