package resource

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The error codes (RFC 6750 §3.1, RFC 9449 §7.1, RFC 9470 §3).
const (
	invalidRequest       = "invalid_request"
	invalidToken         = "invalid_token"
	insufficientScope    = "insufficient_scope"
	invalidProof         = "invalid_dpop_proof"
	insufficientUserAuth = "insufficient_user_authentication"
)

// refusal is why a request is not let through, for the client; its cause is for the log. It is a value: because makes another.
type refusal struct {
	status            int
	code, description string
	cause             error
	scheme            string // that the client used; empty: none
}

func (r *refusal) Error() string { return r.code + ": " + r.description }

func (r *refusal) Unwrap() error { return r.cause }

func (r *refusal) because(cause error) *refusal {
	other := *r
	other.cause = cause
	return &other
}

func (r *refusal) using(scheme string) *refusal {
	other := *r
	other.scheme = scheme
	return &other
}

func refuse(status int, code, description string) *refusal {
	return &refusal{status: status, code: code, description: description}
}

func invalid(description string) *refusal {
	return refuse(http.StatusUnauthorized, invalidToken, description)
}

var (
	// noToken has no code: who sent nothing is told only how to authenticate (RFC 6750 §3.1).
	noToken   = refuse(http.StatusUnauthorized, "", "This API wants an access token.")
	malformed = refuse(http.StatusBadRequest, invalidRequest, "The Authorization header is malformed.")
	inactive  = invalid("The token expired, was revoked, or never was one.")
	badProof  = refuse(http.StatusUnauthorized, invalidProof, "The DPoP proof does not fit this request, or was used before.")
	notBound  = invalid("The token is not bound to the key that came with it.")
	tooLittle = refuse(http.StatusForbidden, insufficientScope, "The token lacks a scope that is needed here.")
	tooWeak   = refuse(http.StatusUnauthorized, insufficientUserAuth, "A more recent or stronger sign-in is needed here.")
)

// write answers a refused request. What the rule demands goes into the challenges, so that an app can get it.
func (r Rule) write(w http.ResponseWriter, no *refusal) {
	h := w.Header()
	for _, scheme := range r.verifier.schemes() {
		if c := r.challenge(scheme, no); c != "" {
			h.Add("WWW-Authenticate", c)
		}
	}
	writeError(w, no.status, no.code, no.description)
}

// challenge is what WWW-Authenticate says of one scheme (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3). The scheme that was used
// carries the error. Bearer is not offered to who used DPoP: their tokens are bound.
func (r Rule) challenge(scheme string, no *refusal) string {
	used := no.scheme == scheme
	if scheme == schemeBearer && no.scheme == schemeDPoP {
		return ""
	}
	var params []string
	add := func(name, value string) {
		if value != "" {
			params = append(params, name+`="`+printable(value)+`"`)
		}
	}
	if used && no.code != "" {
		add("error", no.code)
		add("error_description", no.description)
	}
	if used || no.code == "" {
		add("scope", strings.Join(r.scope, " "))
	}
	if used && no.code == insufficientUserAuth {
		add("acr_values", strings.Join(r.acr, " "))
		if r.maxAge != nil {
			add("max_age", strconv.FormatInt(int64(*r.maxAge/time.Second), 10))
		}
	}
	if scheme == schemeDPoP {
		names := make([]string, len(proofAlgs))
		for i, a := range proofAlgs {
			names[i] = string(a)
		}
		add("algs", strings.Join(names, " "))
	}
	if len(params) == 0 {
		return scheme
	}
	return scheme + " " + strings.Join(params, ", ")
}

// printable leaves out what may not stand in these parameters (RFC 6750 §3).
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return -1
		}
		return c
	}, text)
}

// writeError writes the body of a refusal. Nobody has to read it: the header says the same.
func writeError(w http.ResponseWriter, status int, code, description string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	body := struct {
		Error       string `json:"error,omitempty"`
		Description string `json:"error_description"`
	}{code, description}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails where the caller hung up
}
