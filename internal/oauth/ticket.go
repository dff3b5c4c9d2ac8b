package oauth

import (
	"net/url"
	"strings"
	"time"
)

// TicketLifetime is how long a ticket may be on its way.
const TicketLifetime = time.Minute

// Ticket carries a session that a page of ours knows first-party to a frame that no cookie of it reaches. It is sealed, used
// once, and worth nothing without the verifier that the asking page made and kept to itself (as in RFC 7636 §4.6).
type Ticket struct {
	ID        ID     `json:"i"`
	SessionID ID     `json:"s"`
	ClientID  string `json:"c"`
	Origin    string `json:"o"`
	// Challenge is the verifier's hash, as in PKCE with S256 (RFC 7636 §4.2).
	Challenge string `json:"h"`
	// Begun is when the request began that the page answered; who redeems the ticket asks the same one, so a sign-in or a
	// consent since then is as fresh as prompt and max_age want it.
	Begun  time.Time `json:"b"`
	Issued time.Time `json:"t"`
}

// ParseTicketChallenge reads ticket_challenge, by which the asking page binds a ticket to itself; empty where it asks for none.
func ParseTicketChallenge(q url.Values) (string, *Error) {
	challenge, err := single(q, "ticket_challenge")
	if err == nil && challenge != "" && !isSHA256(challenge) {
		err = Errorf(InvalidRequest, "ticket_challenge is not the base64url form of a SHA-256 hash.")
	}
	return challenge, err
}

// ParseTicket reads the ticket that a frame redeems, and its verifier; both are empty where it has none.
func ParseTicket(form url.Values) (ticket, verifier string, err *Error) {
	err = fields(form, field{"ticket", &ticket}, field{"verifier", &verifier})
	return ticket, verifier, err
}

// Check holds the ticket against who redeems it.
func (t *Ticket) Check(clientID string, origin ValidOrigin, verifier string, now time.Time) *Error {
	switch {
	case t.ClientID != clientID, t.Origin != origin.String(), !verifies(verifier, t.Challenge):
		return Errorf(InvalidRequest, "The ticket was made for another page.")
	case now.After(t.Issued.Add(TicketLifetime)), now.Before(t.Issued.Add(-TicketLifetime)):
		return StaleTicket
	}
	return nil
}

// StaleTicket is the answer to a ticket that was used or is too old: the user may try again.
var StaleTicket = Errorf(InteractionRequired, "The ticket was used already or is too old.")

// ReturnParameter is the parameter in the fragment by which a page gets its ticket; it is empty where there is none to give, so
// that the page knows that it has been there and back.
const ReturnParameter = "usher_ticket"

// WithTicket is the address with the ticket in the place of its fragment, which no server sees.
func (r ValidRedirect) WithTicket(ticket string) ValidRedirect {
	page, _, _ := strings.Cut(r.uri, "#")
	return ValidRedirect{page + "#" + ReturnParameter + "=" + url.QueryEscape(ticket)}
}
