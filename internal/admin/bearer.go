package admin

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

// programs is a part of the door for programs: the API and SCIM, each with its own form of errors.
type programs interface {
	WriteError(w http.ResponseWriter, r *http.Request, err error)
	Unauthorized(w http.ResponseWriter, r *http.Request, status int, code, description string)
}

// refusal is the answer to a token that does not open the door (RFC 6750 §3.1).
type refusal struct {
	status            int
	code, description string
}

var (
	noToken  = &refusal{http.StatusUnauthorized, "", "Send an access token of this server: Authorization: Bearer ..."}
	badToken = &refusal{http.StatusUnauthorized, "invalid_token", "The access token is not good: it is expired, revoked, or not for this API."}
	bound    = &refusal{http.StatusUnauthorized, "invalid_token", "The access token is bound to a key, and this API takes none that are: ask for one without DPoP and without a certificate."}
	tooFew   = &refusal{http.StatusForbidden, "insufficient_scope", "The access token needs the scope " + oauth.ScopeAdmin + " or " + oauth.ScopeRead + "."}
	noRole   = &refusal{http.StatusForbidden, "insufficient_scope", "The account of this access token is no operator."}
)

// program guards one operation of the API or of SCIM: the request brings an access token, and who it stands for may do it.
// The cookie is not looked at, and no header lets pages of other origins read the answers: browsers have the pages.
func (a *Admin) program(rt route.Route, part programs) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, refused, err := a.bearer(r)
		if err == nil && refused == nil && !manage.Allowed(caller.Role, rt.Op) {
			refused = &refusal{http.StatusForbidden, "insufficient_scope", notAllowed(caller.Role, rt.Op).Error()}
		}
		web.Claims(w, caller.ClientID)
		switch {
		case err != nil:
			part.WriteError(w, r, err)
			return
		case refused != nil:
			web.Because(w, cmp.Or(refused.code, "unauthorized"), errors.New(refused.description))
			part.Unauthorized(w, r, refused.status, refused.code, refused.description)
			return
		}
		actor := "operator:" + caller.Username
		if caller.AccountID.IsZero() {
			actor = "client:" + caller.ClientID
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		m := a.acting(r, actor, caller.Role)
		m.AccountID = caller.AccountID
		if err := rt.Handle(&route.Call{W: w, R: r, Manage: m, Caller: caller}); err != nil {
			part.WriteError(w, r, err)
		}
	})
}

// bearer finds out who calls, by what the token, its client and its user are right now.
func (a *Admin) bearer(r *http.Request) (c route.Caller, refused *refusal, err error) {
	text, ok := bearerToken(r)
	if !ok {
		return c, noToken, nil
	}
	t, ok, err := a.openAccess(r.Context(), text)
	if !ok {
		return c, badToken, err
	}
	st, err := a.Manager.Store.TokenStanding(r.Context(), t)
	if err != nil {
		return c, badToken, unlessGone(err)
	}
	client, err := a.Manager.Store.Client(r.Context(), t.ClientID)
	if err != nil {
		return c, badToken, unlessGone(err)
	}
	switch {
	case !oauth.Active(&t, &st.Standing, st.Revoked, &client, a.now()), !a.isFor(&t, &client):
		return c, badToken, nil
	case !t.Confirmation.IsZero(): // RFC 9449 §7.1, RFC 8705 §3: it proves nothing by itself
		return c, bound, nil
	}
	c.ClientID, c.Role = t.ClientID, manage.RoleOfScope(scopeLeft(&t, &client))
	switch {
	case c.Role == "":
		return c, tooFew, nil
	case t.IsClients():
		return c, nil, nil
	}
	return a.asUser(r, c, st.Account.ID)
}

// scopeLeft is what of the token's scope its client still has: an operator who takes it from the client does not wait for
// tokens to expire.
func scopeLeft(t *oauth.AccessToken, c *oauth.Client) []string {
	return slices.DeleteFunc(slices.Clone(t.Scope), func(v string) bool { return !slices.Contains(c.Scope, v) })
}

// asUser narrows a caller to what its user may do.
func (a *Admin) asUser(r *http.Request, c route.Caller, account oauth.ID) (route.Caller, *refusal, error) {
	acc, err := a.Manager.Store.Account(r.Context(), account)
	switch {
	case err != nil || acc.Locked:
		return c, badToken, unlessGone(err)
	case !acc.Role.AtLeast(oauth.RoleViewer):
		return c, noRole, nil
	case !acc.Role.AtLeast(c.Role):
		c.Role = acc.Role
	}
	c.AccountID, c.Username = acc.ID, acc.Username
	return c, nil, nil
}

// isFor tells whether the token is meant for this API: for the issuer, which stands for every API here, or for this very
// one (RFC 9068 §4).
func (a *Admin) isFor(t *oauth.AccessToken, c *oauth.Client) bool {
	audience := t.Audience
	if len(audience) == 0 {
		audience = c.Audiences(a.Manager.Issuer)
	}
	return slices.Contains(audience, a.Manager.Issuer) || slices.Contains(audience, a.Manager.AdminURL)
}

// bearerToken reads the Authorization header (RFC 6750 §2.1). The other ways to send a token are not taken: they end in logs.
func bearerToken(r *http.Request) (text string, ok bool) {
	if len(r.Header.Values("Authorization")) != 1 {
		return "", false
	}
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimLeft(text, " "), strings.EqualFold(scheme, "Bearer")
}
