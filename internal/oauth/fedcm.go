package oauth

import (
	"encoding/json"
	"net/url"
	"strings"
)

// IdentityAssertion is what the browser posts once its user chose an account in the browser's own dialog (FedCM, the identity
// assertion endpoint).
type IdentityAssertion struct {
	// AccountID is the account that the user chose, by the id that the accounts endpoint gave.
	AccountID string
	// Query is what the app asks, as at the assisted token endpoint.
	Query url.Values
}

// ParseIdentityAssertion reads the form. What an app asks beyond client and account comes in params, an object that the browser passes on
// as JSON; older browsers have the nonce beside it.
func ParseIdentityAssertion(form url.Values) (IdentityAssertion, *Error) {
	var a IdentityAssertion
	var clientID, nonce, params string
	err := fields(form, field{"client_id", &clientID}, field{"account_id", &a.AccountID}, field{"nonce", &nonce}, field{"params", &params})
	if err != nil {
		return IdentityAssertion{}, err
	}
	if clientID == "" || a.AccountID == "" {
		return IdentityAssertion{}, Errorf(InvalidRequest, "The request lacks client_id or account_id.")
	}
	asked := map[string]string{}
	if err := json.Unmarshal([]byte(params), &asked); err != nil {
		return IdentityAssertion{}, Errorf(InvalidRequest, "params is not an object of texts.").Because(err)
	}
	if named, there := asked["client_id"]; there && named != clientID {
		return IdentityAssertion{}, Errorf(InvalidRequest, "params name another client.")
	}
	a.Query = url.Values{"client_id": {clientID}, "nonce": {nonce}}
	for name, value := range asked {
		a.Query.Set(name, value)
	}
	return a, nil
}

// ParseDisconnect reads what a page asks that wants to part with its user (FedCM, the disconnect endpoint).
func ParseDisconnect(form url.Values) (clientID, accountHint string, err *Error) {
	err = fields(form, field{"client_id", &clientID}, field{"account_hint", &accountHint})
	if err == nil && (clientID == "" || accountHint == "") {
		err = Errorf(InvalidRequest, "The request lacks client_id or account_hint.")
	}
	return clientID, accountHint, err
}

// BrowserAccount is an account as the browser shows it in its own dialog (FedCM, the accounts endpoint). No page gets to see
// it. It lists no approved clients: the browser then goes by what its own user agreed to in it.
type BrowserAccount struct {
	// ID is the account's public subject: pages never see it, so it need not be a client's pairwise one.
	ID        string `json:"id"`
	Name      string `json:"name"`
	GivenName string `json:"given_name,omitempty"`
	Username  string `json:"username,omitempty"`
	Email     string `json:"email,omitempty"`
	// LoginHints are what an app may know the account by.
	LoginHints []string `json:"login_hints"`
}

// NewBrowserAccount puts it together; the dialog needs a name.
func NewBrowserAccount(a *Account) BrowserAccount {
	b := BrowserAccount{ID: a.ID.String(), Name: a.Name, Username: a.Username, Email: a.Email}
	if b.Name == "" {
		b.Name = a.Username
	}
	var known struct {
		GivenName string `json:"given_name"`
	}
	if json.Unmarshal(a.Attributes, &known) == nil { // nobody but the user reads it, so what is no text is left out
		b.GivenName = known.GivenName
	}
	for _, hint := range []string{b.ID, a.Username, a.Email} {
		if hint != "" {
			b.LoginHints = append(b.LoginHints, hint)
		}
	}
	return b
}

// KnownAs tells whether a client means the account by a hint: by the subject that it knows, or by what it may have been told.
func (a *Account) KnownAs(hint string, c *Client, p *Profile) bool {
	return hint != "" && (hint == p.Subject(c, a.ID) || hint == a.ID.String() || strings.EqualFold(hint, a.Username) || strings.EqualFold(hint, a.Email))
}
