package oauth

import (
	"errors"
	"fmt"
	"strings"
)

// Code is an error code of the OAuth and OpenID Connect registries.
type Code string

// The codes that usher answers with.
const (
	InvalidRequest          Code = "invalid_request"
	UnauthorizedClient      Code = "unauthorized_client"
	AccessDenied            Code = "access_denied"
	ConsentRequired         Code = "consent_required"
	InteractionRequired     Code = "interaction_required"
	UnsupportedResponseType Code = "unsupported_response_type"
	InvalidScope            Code = "invalid_scope"
	ServerError             Code = "server_error"
	TemporarilyUnavailable  Code = "temporarily_unavailable"
	InvalidClient           Code = "invalid_client"
	InvalidGrant            Code = "invalid_grant"
	UnsupportedGrantType    Code = "unsupported_grant_type"

	// OpenID Connect Core §3.1.2.6, and Unmet Authentication Requirements 1.0.
	LoginRequired             Code = "login_required"
	AccountSelectionRequired  Code = "account_selection_required"
	InvalidRequestURI         Code = "invalid_request_uri"
	InvalidRequestObject      Code = "invalid_request_object"
	RegistrationNotSupported  Code = "registration_not_supported"
	UnmetAuthenticationNeeded Code = "unmet_authentication_requirements"

	InvalidTarget Code = "invalid_target" // RFC 8707 §2

	// RFC 8628 §3.5.
	AuthorizationPending Code = "authorization_pending"
	SlowDown             Code = "slow_down"
	ExpiredToken         Code = "expired_token"

	// RFC 9449 §12.2.
	InvalidDPoPProof Code = "invalid_dpop_proof"
	UseDPoPNonce     Code = "use_dpop_nonce"

	// RFC 6750 §3.1.
	InvalidToken      Code = "invalid_token"
	InsufficientScope Code = "insufficient_scope"

	// RFC 7591 §3.2.2.
	InvalidRedirectURI          Code = "invalid_redirect_uri"
	InvalidClientMetadata       Code = "invalid_client_metadata"
	InvalidSoftwareStatement    Code = "invalid_software_statement"
	UnapprovedSoftwareStatement Code = "unapproved_software_statement"
)

// Error is a protocol error: a code and a description that are safe to show to the client, and a
// cause that only the log sees.
type Error struct {
	Code        Code
	Description string
	Cause       error
}

// Errorf makes an Error; the description is cleaned to the characters that RFC 6749 §5.2 allows.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Description: Printable(fmt.Sprintf(format, args...))}
}

// brief cuts what a caller sent to what a sentence of ours may repeat.
func brief(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

// ErrUnavailable is in the chain of a cause that passes by itself, such as a database that is away.
var ErrUnavailable = errors.New("temporarily unavailable")

// Internal wraps anything unforeseen: the client learns no more than that it happened, or that it may
// try again (RFC 6749 §4.1.2.1).
func Internal(cause error) *Error {
	if errors.Is(cause, ErrUnavailable) {
		return &Error{
			Code: TemporarilyUnavailable, Cause: cause,
			Description: "The service is temporarily unavailable. Try again in a moment.",
		}
	}
	return &Error{Code: ServerError, Description: "The server met an unexpected condition.", Cause: cause}
}

// Because returns a copy of e with the cause that the log is to show.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Description, e.Cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Description)
}

func (e *Error) Unwrap() error { return e.Cause }

// Printable replaces every character outside %x20-21 / %x23-5B / %x5D-7E, the set that RFC 6749 §5.2
// allows in error and error_description, so that nothing a caller sent is echoed raw.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < 0x20 || r > 0x7e || r == '\\':
			return '?'
		}
		return r
	}, s)
}
