package oauth

import "time"

// Ending is how a flow hands its outcome over.
type Ending string

const (
	// EndMessage posts the answer to the page that framed or opened ours.
	EndMessage Ending = "message"
	// EndRedirect sends the browser back to the client with the answer (RFC 6749 §4.1.2), or posts it there as a form.
	EndRedirect Ending = "redirect"
	// EndDevice records the user's decision for the device that waits for it (RFC 8628 §3.3).
	EndDevice Ending = "device"
	// EndDone posts only "done", to our own framed page that opened this window.
	EndDone Ending = "done"
	// EndResolve gives a ticket to the browser, which opened the window for a page that asked it for a user (FedCM).
	EndResolve Ending = "resolve"
	// EndClose only closes the window, which the browser opened for a user to sign in; such a flow has no client.
	EndClose Ending = "close"
)

// FlowLifetime bounds how long a user may take over the pages of one flow.
const FlowLifetime = 10 * time.Minute

// Flow is an interactive request under way. It travels sealed in the pages' forms and holds what was
// asked, never what was proved: proof is the session, read anew at every step.
type Flow struct {
	ClientID string `json:"c"`
	Ending   Ending `json:"e"`
	// Origin is where a message goes, Redirect where a redirect does, UserCode the device request that is decided.
	Origin   string                `json:"o,omitempty"` // checked again at every step
	Redirect *Redirection          `json:"d,omitempty"`
	UserCode string                `json:"k,omitempty"` // as its user sees it on the device
	Request  AuthenticationRequest `json:"r"`
	// Framed tells that the flow did not verifiably begin top-level: it may go on without the browser's
	// flow cookie, but then never yields a first-party session.
	Framed bool `json:"f,omitempty"`
	// Binding is the hash of the flow cookie that the browser had, or got, when the flow began.
	Binding []byte    `json:"b"`
	Started time.Time `json:"t"`
	// Session points at the session that was made within this flow where no cookie may name it; it is read
	// anew at every step, like one that a cookie names.
	Session ID `json:"s,omitzero"`
	// JKT is the key that a renewal handle is to be bound to; empty where the app asked for none.
	JKT string `json:"j,omitempty"`
	// Ticket is the challenge of the ticket in which a window ends; Return where the window takes it if nobody opened it.
	Ticket string `json:"h,omitempty"`
	Return string `json:"w,omitempty"`
	// Shown is Client.Shown, with the scope, of the consent page that the form belongs to.
	Shown string `json:"q,omitempty"`
	// Selected is the account that the user chose to go on with, where the request wants them to choose.
	Selected ID `json:"a,omitzero"`
}

// Expired tells whether the user took too long.
func (f *Flow) Expired(now time.Time) bool {
	return now.After(f.Started.Add(FlowLifetime)) || now.Before(f.Started.Add(-time.Minute))
}

// Step is what has to happen next in a flow.
type Step int

// The steps, in the order in which they are asked for.
const (
	StepAuthenticate Step = iota
	StepSelectAccount
	StepConsent
	StepDone
)

// NextStep decides what a flow still needs, given who the browser's session says is there (nil for
// nobody) and what the user agreed to. Silent and interactive requests ask the same question;
// prompt=none merely refuses every answer but StepDone.
func NextStep(f *Flow, st *Standing, scope []string, c *Client, p *Profile, now time.Time) Step {
	switch {
	case st == nil, !st.Session.Live(now), !fresh(f, &st.Session, scope, p, now):
		return StepAuthenticate
	case f.Request.Subject != "" && f.Request.Subject != p.Subject(c, st.Account.ID): // id_token_hint (Core §3.1.2.1)
		return StepAuthenticate
	case needsSelection(f, st):
		return StepSelectAccount
	case needsConsent(f, st, scope, c):
		return StepConsent
	}
	return StepDone
}

// fresh holds the authentication against prompt=login, max_age (OpenID Connect Core §3.1.2.1) and the
// scopes that demand a fresh sign-in. One made within this flow always counts: however slowly the user
// reads the consent page, nobody is asked twice. One from the future, which a clock that was ahead has
// dated, counts for nothing.
func fresh(f *Flow, s *Session, scope []string, p *Profile, now time.Time) bool {
	fromFuture := s.AuthTime.After(now.Add(ForeignSkew))
	if !s.AuthTime.Before(f.Started) && !fromFuture {
		return true
	}
	if f.Request.Prompt.Login {
		return false
	}
	age := now.Sub(s.AuthTime)
	if f.Request.MaxAge != NoMaxAge && (fromFuture || age > time.Duration(f.Request.MaxAge)*time.Second) {
		return false
	}
	limit := MaxAuthAge(scope, p)
	return limit == 0 || !fromFuture && age <= time.Duration(limit)*time.Second
}

// needsSelection holds prompt=select_account: signing in within this flow is choosing, too.
func needsSelection(f *Flow, st *Standing) bool {
	return f.Request.Prompt.SelectAccount && f.Selected != st.Account.ID && st.Session.AuthTime.Before(f.Started)
}

func needsConsent(f *Flow, st *Standing, scope []string, c *Client) bool {
	prompt := f.Request.Prompt.Consent
	if !prompt && !c.ConsentRequired {
		return false
	}
	return !st.Consent.Agrees(c, scope) || prompt && st.Consent.Updated.Before(f.Started)
}

// MayBeFramed tells whether the interactive pages of a client may show in a frame of the app. A client
// whose users must consent counts as somebody else's: there the user decides in a window of our own.
func (c *Client) MayBeFramed() bool { return !c.ConsentRequired || c.FramedInteraction }

// SilentError is the answer to prompt=none where the user would have to act: in the words of OpenID Connect Core §3.1.2.6,
// save that a message says interaction_required where nobody is signed in.
func (f *Flow) SilentError(s Step) *Error {
	switch {
	case s == StepConsent:
		return Errorf(ConsentRequired, "The user has to agree first, which prompt=none forbids to ask for.")
	case f.Ending == EndRedirect:
		return Errorf(LoginRequired, "The user has to sign in, which prompt=none forbids to ask for.")
	}
	return Errorf(InteractionRequired, "The user has to sign in, which prompt=none forbids to ask for.")
}
