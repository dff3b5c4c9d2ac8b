package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/usher-id/usher/internal/oauth"
)

// The messages of the two lines that Report writes. Operators and the limits of the log know them.
const (
	LogRefused = "request refused"
	LogFailed  = "request failed"
)

// Answer is the writer of one answer. It remembers the status, and why the request was refused
// where it was, so that Report writes one line for each refusal, whichever writer answers.
type Answer struct {
	http.ResponseWriter
	Status  int
	client  string
	refused *refusal
}

// refusal is why a request was refused: what the client is told, and the cause that only the log
// sees.
type refusal struct {
	code, told, logID string
	cause             error
}

// WriteHeader notes the status and sends it.
func (a *Answer) WriteHeader(status int) {
	a.Status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *Answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// AnswerOf finds the Answer behind a writer; nil where nothing reports refusals.
func AnswerOf(w http.ResponseWriter) *Answer {
	for {
		switch v := w.(type) {
		case *Answer:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil
		}
	}
}

// Refused notes why a request is refused, for its line in the log, and returns what the client is
// told: a server_error names the id of that line, so that a user's report can be found. Of several
// the first counts.
func Refused(w http.ResponseWriter, log *slog.Logger, e *oauth.Error) *oauth.Error {
	id := ""
	if e.Code == oauth.ServerError {
		id = NewSecret()[:8]
	}
	note(w, log, &refusal{code: string(e.Code), told: e.Description, logID: id, cause: e.Cause})
	if id == "" {
		return e
	}
	return oauth.Errorf(oauth.ServerError, "The server met an unexpected condition (log id %s).", id)
}

// Because is Refused for answers that are no protocol errors: code is a short constant, or empty for
// the name of the status.
func Because(w http.ResponseWriter, code string, cause error) {
	note(w, nil, &refusal{code: code, cause: cause})
}

// Failed is Because for a fault of ours; the answer is to name the log id.
func Failed(w http.ResponseWriter, log *slog.Logger, cause error) (logID string) {
	logID = NewSecret()[:8]
	note(w, log, &refusal{code: string(oauth.ServerError), logID: logID, cause: cause})
	return logID
}

// Claims notes the client of a flow whose requests do not name it in clear.
func Claims(w http.ResponseWriter, clientID string) {
	if a := AnswerOf(w); a != nil {
		a.client = clientID
	}
}

// Deny answers with a plain text, before any endpoint is asked.
func Deny(w http.ResponseWriter, status int, text string) {
	note(w, nil, &refusal{code: statusCode(status), told: text})
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, status)
}

// statusCode names a status as error codes are: too_many_requests.
func statusCode(status int) string {
	return strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
}

// note keeps the refusal for Report. Without one in the way the line is written at once.
func note(w http.ResponseWriter, log *slog.Logger, why *refusal) {
	switch a := AnswerOf(w); {
	case a != nil && a.refused == nil:
		a.refused = why
	case a == nil && log != nil:
		level, message := why.level(0)
		log.LogAttrs(context.Background(), level, message, why.attributes()...)
	}
}

// Reporter writes the line of each refused request of one listener.
type Reporter struct {
	Log     *slog.Logger
	Proxies Proxies
	// Client is the client that a request claims to come from, empty for none; nil where none do.
	Client func(*http.Request) string
}

// Report answers by next. Whatever was refused, or failed, gets one line with client (as claimed),
// address, route and cause. The request has to reach the mux as it is, which notes the route in it.
func (p Reporter) Report(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &Answer{ResponseWriter: w, Status: http.StatusOK}
		defer func() {
			broken := recover()
			if broken != nil && broken != http.ErrAbortHandler {
				Failed(a, nil, fmt.Errorf("panic: %v", broken))
			}
			if a.refused != nil || a.Status >= http.StatusBadRequest {
				p.write(r, a)
			}
			if broken != nil {
				panic(broken) // the connection is closed
			}
		}()
		next.ServeHTTP(a, r)
	})
}

func (p Reporter) write(r *http.Request, a *Answer) {
	why := a.refused
	if why == nil {
		why = &refusal{}
	}
	if why.code == "" {
		why.code = statusCode(a.Status)
	}
	level, message := why.level(a.Status)
	attributes := []slog.Attr{
		slog.String("route", r.Pattern), slog.Int("status", a.Status),
		slog.String("address", p.Proxies.ClientAddress(r).String()),
	}
	if r.Pattern == "" || r.Pattern == "/" { // no route of ours
		attributes[0] = slog.String("route", "none")
		attributes = append(attributes, slog.String("path", LogText(r.Method+" "+r.URL.Path)))
	}
	client := a.client
	if client == "" && p.Client != nil {
		client = p.Client(r)
	}
	if client != "" {
		attributes = append(attributes, slog.String("client", LogText(client)))
	}
	p.Log.LogAttrs(r.Context(), level, message, append(attributes, why.attributes()...)...)
}

// attributes are the code, the cause, and what the client was told where that is something else.
func (f *refusal) attributes() []slog.Attr {
	list := []slog.Attr{slog.String("error", f.code)}
	switch {
	case f.cause != nil:
		list = append(list, slog.String("cause", LogText(f.cause.Error())))
		if f.told != "" {
			list = append(list, slog.String("told", LogText(f.told)))
		}
	default:
		list = append(list, slog.String("cause", LogText(f.told)))
	}
	if f.logID != "" {
		list = append(list, slog.String("log_id", f.logID))
	}
	return list
}

// level is Error for faults of ours, Info for answers that are part of a flow that goes well, else
// Warn.
func (f *refusal) level(status int) (slog.Level, string) {
	switch oauth.Code(f.code) {
	case oauth.ServerError:
		return slog.LevelError, LogFailed
	case oauth.LoginRequired, oauth.InteractionRequired, oauth.ConsentRequired,
		oauth.AccountSelectionRequired, oauth.AuthorizationPending, oauth.SlowDown,
		oauth.UseDPoPNonce:
		return slog.LevelInfo, LogRefused
	}
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusConflict,
		http.StatusPreconditionFailed:
		return slog.LevelInfo, LogRefused
	case http.StatusInternalServerError:
		return slog.LevelError, LogFailed
	}
	return slog.LevelWarn, LogRefused
}

// maxLogText bounds a value in the log, in bytes.
const maxLogText = 256

// parameters are what follows an address: they can hold a code or a token.
var parameters = regexp.MustCompile(`[?#][^\s"]*=[^\s"]*`)

// LogText makes of any text a value for the log: bounded, without the parameters of addresses, and
// with every character that does not print escaped, so that a line stays one line and a terminal
// shows no more.
func LogText(s string) string {
	if len(s) > 4*maxLogText {
		s = s[:4*maxLogText]
	}
	s = parameters.ReplaceAllString(s, "?...")
	var b strings.Builder
	for _, r := range s {
		text := string(r)
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			quoted := strconv.QuoteRuneToASCII(r)
			text = quoted[1 : len(quoted)-1]
		}
		if b.Len()+len(text) > maxLogText {
			return b.String() + "..."
		}
		b.WriteString(text)
	}
	return b.String()
}
