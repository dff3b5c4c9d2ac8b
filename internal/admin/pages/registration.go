package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
)

// registrationView is the form for a registration token, or the one token that it made.
type registrationView struct {
	Form    *form
	Token   string
	Expires time.Time
	Max     int
}

func (p *Pages) askRegistrationToken(c *route.Call) error {
	return p.registrationForm(c, http.StatusOK, newForm(url.Values{"hours": {"24"}}, 0))
}

func (p *Pages) registrationForm(c *route.Call, status int, f *form) error {
	v := registrationView{Form: f, Max: int(manage.MaxRegistrationToken / time.Hour)}
	return p.render(c, status, "registration.html", "Registration token", v)
}

func (p *Pages) createRegistrationToken(c *route.Call) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	hours := f.number("hours")
	if len(f.Faults) == 0 && (hours < 1 || hours > int(manage.MaxRegistrationToken/time.Hour)) {
		f.fault("hours", "it has to be 1 to "+strconv.Itoa(int(manage.MaxRegistrationToken/time.Hour)))
	}
	if len(f.Faults) > 0 {
		return p.registrationForm(c, http.StatusUnprocessableEntity, f)
	}
	text, expires, err := c.Manage.NewRegistrationToken(c.R.Context(), c.Manage.Issuer, time.Duration(hours)*time.Hour)
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, "registration.html", "Registration token", registrationView{Form: f, Token: text, Expires: expires})
}
