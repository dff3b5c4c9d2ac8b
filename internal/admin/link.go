package admin

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/usher-id/usher/internal/admin/pages"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

// linkActor is who acts in the audit log where somebody uses a link: who it is, is only about to be known.
const linkActor = "link"

// invitation shows what a one-time link is for, and asks for what its holder chooses. Looking uses nothing up: mail
// scanners look, too.
func (a *Admin) invitation(w http.ResponseWriter, r *http.Request) {
	if a.tooMany(w, r) {
		return
	}
	a.showInvitation(w, r, http.StatusOK, pages.Invite{Code: r.URL.Query().Get("code")})
}

// showInvitation fills in what the link says.
func (a *Admin) showInvitation(w http.ResponseWriter, r *http.Request, status int, v pages.Invite) {
	in, err := a.acting(r, linkActor, "").OpenOperatorLink(r.Context(), v.Code)
	if err != nil {
		a.linkFailed(w, err)
		return
	}
	if v.Role = in.Role; in.Username != "" {
		v.Username, v.Fixed = in.Username, true
	}
	w.Header().Set("Referrer-Policy", "no-referrer") // the code is in the address
	a.pages.WriteInvite(w, status, v)
}

// accept makes the operator and uses the link up, then begins the sign-in.
func (a *Admin) accept(w http.ResponseWriter, r *http.Request) {
	if a.tooMany(w, r) {
		return
	}
	if err := web.ParseForm(w, r); err != nil {
		a.pages.WriteNotice(w, http.StatusBadRequest, pages.Notice{Title: "This form cannot be read", Text: err.Description})
		return
	}
	form := r.PostForm
	acc := oauth.Account{Username: form.Get("username"), Name: form.Get("name")}
	err := a.acting(r, linkActor, "").UseOperatorLink(r.Context(), form.Get("code"), acc, form.Get("password"))
	var invalid manage.Invalid
	switch {
	case errors.As(err, &invalid):
		a.showInvitation(w, r, http.StatusUnprocessableEntity, pages.Invite{
			Code: form.Get("code"), Username: acc.Username, Name: acc.Name, Problems: inviteProblems(invalid),
		})
	case err != nil:
		a.linkFailed(w, err)
	default:
		sessionCookie.Clear(w) // whoever was signed in here before is not who used the link
		http.Redirect(w, r, loginOther, http.StatusSeeOther)
	}
}

// inviteProblems are what is wrong, by the field that can mend it.
func inviteProblems(invalid manage.Invalid) map[string]string {
	problems := map[string]string{}
	for _, f := range invalid {
		field := f.Field
		if !slices.Contains([]string{"username", "name", "password"}, field) {
			field = "username"
		}
		if problems[field] == "" {
			problems[field] = f.Problem
		}
	}
	return problems
}

func (a *Admin) linkFailed(w http.ResponseWriter, err error) {
	if !errors.Is(err, manage.ErrLink) {
		a.fault(w, err)
		return
	}
	a.pages.WriteNotice(w, http.StatusGone, pages.Notice{
		Title: "This link is not good any more",
		Text:  "It works once, for 15 minutes. On the server, \"usher operator link\" prints another; an admin can make one, too.",
		Link:  homePath, LinkText: "Go to the sign-in",
	})
}

// tooMany refuses an address that tries too many links.
func (a *Admin) tooMany(w http.ResponseWriter, r *http.Request) bool {
	ok, wait := a.addresses.Allow(a.proxies.ClientAddress(r), a.now())
	if !ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		a.pages.WriteNotice(w, http.StatusTooManyRequests, pages.Notice{Title: "Too many attempts", Text: "Wait a minute, then open the link again."})
	}
	return !ok
}
