package resource

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var quiet = Logger(slog.New(slog.DiscardHandler))

func TestNewRefusesWhatIsUnsafe(t *testing.T) {
	const issuer = "https://login.example.com"
	by := ByIntrospection(apiID, secret)
	tests := []struct {
		name             string
		issuer, audience string
		options          []Option
		fault            string // empty: it is accepted
	}{
		{"introspection", issuer, audience, []Option{by}, ""},
		{"JWT", issuer, audience, []Option{ByJWT()}, ""},
		{"http on this machine", "http://127.0.0.1:8443/x", audience, []Option{by}, ""},
		{"http elsewhere", "http://login.example.com", audience, []Option{by}, "https"},
		{"an issuer with a query", issuer + "?x", audience, []Option{by}, "https"},
		{"no audience", issuer, "", []Option{by}, "audience"},
		{"no way to check", issuer, audience, nil, "one of"},
		{"both ways", issuer, audience, []Option{by, ByJWT()}, "one of"},
		{"no secret", issuer, audience, []Option{ByIntrospection(apiID, "")}, "secret"},
		{"negative staleness", issuer, audience, []Option{by, MaxStaleness(-1)}, "MaxStaleness"},
		{"staleness of JWTs", issuer, audience, []Option{ByJWT(), MaxStaleness(1)}, "revocations"},
		{"no file of authorities", issuer, audience, []Option{by, CAFile("/nowhere.pem")}, "authorities"},
		{"a client and authorities", issuer, audience, []Option{by, HTTPClient(&http.Client{}), CAFile("x")}, "exclude"},
		{"DPoP at no address", issuer, audience, []Option{by, AcceptDPoP("api.example.com")}, "AcceptDPoP"},
		{"DPoP at http", issuer, audience, []Option{by, AcceptDPoP("http://api.example.com")}, "AcceptDPoP"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := New(tc.issuer, tc.audience, tc.options...)
			if (err == nil) != (tc.fault == "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("%v, want %q", err, tc.fault)
			}
		})
	}
}

func TestCAFileIsBelieved(t *testing.T) {
	var address string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/introspect" {
			w.Write([]byte(`{"active":true,"token_type":"Bearer","sub":"alice","aud":"` + audience + `"}`))
			return
		}
		w.Write([]byte(`{"issuer":"` + address + `","introspection_endpoint":"` + address + `/introspect"}`))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	address = s.URL
	file := filepath.Join(t.TempDir(), "ca.crt")
	var b bytes.Buffer
	pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, options := range map[int][]Option{
		http.StatusOK:                 {CAFile(file)},
		http.StatusServiceUnavailable: nil,
	} {
		v, err := New(address, audience, append(options, ByIntrospection(apiID, secret), quiet)...)
		if err != nil {
			t.Fatal(err)
		}
		if w := call(v.Require(), "Authorization", "Bearer x"); w.Code != want {
			t.Errorf("status %d, want %d: %s", w.Code, want, w.Body)
		}
	}
}

func TestMetadataOfAnotherIssuerIsNotBelieved(t *testing.T) {
	i := newIssuer(t)
	i.handle("good", nil)
	v, err := New(i.URL+"/", audience, ByIntrospection(apiID, secret), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if w := call(v.Require(), "Authorization", "Bearer good"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestCredentialsStayConfidential(t *testing.T) {
	tests := map[string]string{
		"the metadata name an address in the clear": `{"issuer":"%","introspection_endpoint":"http://login.example.com/introspect"}`,
		"the metadata name none":                    `{"issuer":"%"}`,
		"the metadata are endless":                  `{"issuer":"%","x":"` + strings.Repeat("x", maxAnswer) + `"}`,
		"the endpoint redirects":                    `{"issuer":"%","introspection_endpoint":"%/redirect"}`,
	}
	for name, metadata := range tests {
		t.Run(name, func(t *testing.T) {
			var address string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/redirect":
					http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
				case "/elsewhere":
					t.Error("the redirect was followed")
				default:
					w.Write([]byte(strings.ReplaceAll(metadata, "%", address)))
				}
			}))
			defer s.Close()
			address = s.URL
			v, err := New(address, audience, ByIntrospection(apiID, secret), quiet, HTTPClient(&http.Client{}))
			if err != nil {
				t.Fatal(err)
			}
			if w := call(v.Require(), "Authorization", "Bearer x"); w.Code != http.StatusServiceUnavailable {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
}

func TestServerThatNeverAnswers(t *testing.T) {
	end := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	defer s.Close()
	defer close(end)
	v, err := New(s.URL, audience, ByIntrospection(apiID, secret), quiet, HTTPClient(&http.Client{Timeout: 20 * time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	if w := call(v.Require(), "Authorization", "Bearer x"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestCallerThatHangsUpIsNoError(t *testing.T) {
	i := newIssuer(t)
	i.handle("good", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	r.Header.Set("Authorization", "Bearer good")
	w := serve(i.verifier(ByIntrospection(apiID, secret), MaxStaleness(0)).Require(), r)
	if w.Code != http.StatusServiceUnavailable || i.log.String() != "" {
		t.Errorf("%d %s", w.Code, i.log.String())
	}
}

func TestEveryClientHasATimeoutAndFollowsNoRedirect(t *testing.T) {
	for name, s := range map[string]*settings{"our own": {}, "the API's": {client: &http.Client{}}} {
		c, err := s.httpClient()
		if err != nil || c.Timeout != timeout || c.CheckRedirect == nil {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}
