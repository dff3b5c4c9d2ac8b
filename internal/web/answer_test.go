package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

func post(body, contentType string) *http.Request {
	r := httptest.NewRequest("POST", "/?client_id=query&token=query", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return r
}

func TestParseForm(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	r := post("client_id=body&scope=a+b", form)
	if err := web.ParseForm(httptest.NewRecorder(), r); err != nil {
		t.Fatal(err)
	}
	if want := (url.Values{"client_id": {"body"}, "scope": {"a b"}}); r.PostForm.Encode() != want.Encode() {
		t.Errorf("read %v", r.PostForm)
	}
	for name, r := range map[string]*http.Request{
		"JSON":      post(`{"client_id":"body"}`, "application/json"),
		"no type":   post("client_id=body", ""),
		"multipart": post("--x\r\nContent-Disposition: form-data; name=\"client_id\"\r\n\r\nbody\r\n--x--\r\n", "multipart/form-data; boundary=x"),
	} {
		if err := web.ParseForm(httptest.NewRecorder(), r); err == nil && len(r.PostForm) > 0 {
			t.Errorf("%s: read %v", name, r.PostForm)
		}
	}
	for body, want := range map[string]string{
		"a=" + strings.Repeat("x", web.MaxForm-2): "",
		"a=" + strings.Repeat("x", web.MaxForm-1): "larger",
		strings.Repeat("a=1&", web.MaxForm):       "larger",
		"a=%zz":                                   "cannot be read",
		"a;b=1":                                   "cannot be read",
	} {
		r := post(body, form)
		err := web.ParseForm(httptest.NewRecorder(), r)
		if (err == nil) != (want == "") {
			t.Errorf("%.20q of %d bytes: %v", body, len(body), err)
		} else if err != nil && (err.Code != oauth.InvalidRequest || !strings.Contains(err.Description, want)) {
			t.Errorf("%.20q of %d bytes: %v", body, len(body), err)
		}
	}
}

// errorBody is the object of RFC 6749 §5.2.
func errorBody(t *testing.T, w *httptest.ResponseRecorder) (code, description string) {
	t.Helper()
	var body map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || len(body) != 2 {
		t.Fatalf("%s, %v", w.Body, err)
	}
	return body["error"], body["error_description"]
}

func TestWriteJSON(t *testing.T) {
	w := record(func(w http.ResponseWriter) { web.WriteJSON(w, map[string]string{"a": "</script>\u2028"}) })
	headers(t, w.Result().Header, map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"})
	if w.Code != http.StatusOK || w.Body.String() != `{"a":"\u003c/script\u003e\u2028"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := record(func(w http.ResponseWriter) { web.WriteJSON(w, func() {}) }); w.Code != http.StatusInternalServerError {
		t.Errorf("what is no JSON: %d", w.Code)
	}
}

func TestWriteJSONError(t *testing.T) {
	for _, tt := range []struct {
		code      oauth.Code
		status    int
		challenge string
	}{
		{oauth.InvalidRequest, 400, ""},
		{oauth.InvalidGrant, 400, ""},
		{oauth.InvalidScope, 400, ""},
		{oauth.UnauthorizedClient, 400, ""},
		{oauth.AccessDenied, 400, ""},
		{oauth.InvalidClient, 401, `Basic realm="usher", charset="UTF-8"`}, // RFC 6749 §5.2
		{oauth.TemporarilyUnavailable, 503, ""},
	} {
		log, lines := logger()
		w := record(func(w http.ResponseWriter) {
			web.WriteJSONError(w, log, oauth.Errorf(tt.code, "It is so.").Because(errors.New("hidden reason")))
		})
		headers(t, w.Result().Header, map[string]string{
			"Content-Type": "application/json", "Cache-Control": "no-store", "WWW-Authenticate": tt.challenge,
		})
		if code, text := errorBody(t, w); w.Code != tt.status || code != string(tt.code) || text != "It is so." {
			t.Errorf("%s: %d %s %s", tt.code, w.Code, code, text)
		}
		if strings.Contains(lines.String(), "request failed") {
			t.Errorf("%s is no fault of ours, yet logged as one", tt.code)
		}
	}
}

var logID = regexp.MustCompile(`log id ([A-Za-z0-9_-]{8})\)`)

// A server_error tells the caller a log id and nothing of the cause, by whichever writer.
func TestServerErrorHidesTheCause(t *testing.T) {
	cause := fmt.Errorf("read accounts: %w", errors.New("password=hunter2 <b> refused"))
	for _, tt := range []struct {
		name   string
		status int
		write  func(w http.ResponseWriter, log *slog.Logger)
	}{
		{"JSON", http.StatusInternalServerError, func(w http.ResponseWriter, log *slog.Logger) {
			web.WriteJSONError(w, log, web.AsError(cause))
		}},
		{"page", http.StatusInternalServerError, func(w http.ResponseWriter, log *slog.Logger) {
			web.WriteErrorPage(w, log, web.AsError(cause))
		}},
		{"message", http.StatusOK, func(w http.ResponseWriter, log *slog.Logger) {
			web.WriteMessage(w, app(t), oauth.NewAssistedError(web.Refused(w, log, web.AsError(cause))))
		}},
	} {
		log, lines := logger()
		w := record(func(w http.ResponseWriter) { tt.write(w, log) })
		checkHidden(t, tt.name, w, lines.String(), tt.status)
	}
}

func checkHidden(t *testing.T, name string, w *httptest.ResponseRecorder, log string, status int) {
	t.Helper()
	body, _ := io.ReadAll(w.Result().Body)
	if w.Code != status || !strings.Contains(string(body), "server_error") {
		t.Errorf("%s: %d %s", name, w.Code, body)
	}
	for _, secret := range []string{"hunter2", "accounts", "refused"} {
		if strings.Contains(string(body), secret) {
			t.Errorf("%s shows the cause: %s", name, body)
		}
	}
	m := logID.FindStringSubmatch(string(body))
	if m == nil {
		t.Fatalf("%s names no log id: %s", name, body)
	}
	if !strings.Contains(log, `"log_id":"`+m[1]+`"`) || !strings.Contains(log, "read accounts: password=hunter2") {
		t.Errorf("%s: log id %s or the cause is not in the log: %s", name, m[1], log)
	}
}

func TestWriteErrorPage(t *testing.T) {
	log, _ := logger()
	w := record(func(w http.ResponseWriter) {
		web.WriteErrorPage(w, log, oauth.Errorf(oauth.InvalidRequest, "There is no client %s here.", `<script>"x"`))
	})
	headers(t, w.Result().Header, map[string]string{"X-Frame-Options": "DENY", "Cache-Control": "no-store"})
	policy(t, w.Result().Header, "'none'")
	body := w.Body.String()
	if w.Code != 400 || !strings.Contains(body, "There is no client &lt;script&gt;&#39;x&#39; here.") || !strings.Contains(body, "invalid_request") {
		t.Errorf("%d %s", w.Code, body)
	}
	if strings.Contains(body, "postMessage") {
		t.Error("the page posts")
	}
}

func TestAsError(t *testing.T) {
	e := oauth.Errorf(oauth.AccessDenied, "no")
	if got := web.AsError(fmt.Errorf("wrapped: %w", e)); got != e {
		t.Errorf("a protocol error became %v", got)
	}
	cause := errors.New("x")
	if got := web.AsError(cause); got.Code != oauth.ServerError || !errors.Is(got, cause) {
		t.Errorf("any other became %v", got)
	}
}
