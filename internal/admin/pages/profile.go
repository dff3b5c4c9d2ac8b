package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func (p *Pages) profileRoutes() []route.Route {
	return []route.Route{
		{Pattern: "GET /admin/profile", Op: manage.OpShowProfile, Handle: p.showProfile},
		{Pattern: "GET /admin/profile/edit", Op: manage.OpChangeProfile, Handle: p.editProfile},
		{Pattern: "POST /admin/profile/edit", Op: manage.OpChangeProfile, Handle: p.changeProfile},
		{Pattern: "GET /admin/profile/scope", Op: manage.OpChangeProfile, Handle: p.editScope},
		{Pattern: "POST /admin/profile/scope", Op: manage.OpChangeProfile, Handle: p.changeScope},
		{Pattern: "GET /admin/profile/scope/remove", Op: manage.OpChangeProfile, Handle: p.askRemoveScope},
		{Pattern: "POST /admin/profile/scope/remove", Op: manage.OpChangeProfile, Handle: p.removeScope},
		{Pattern: "GET /admin/profile/release", Op: manage.OpReleaseProfile, Handle: p.askReleaseProfile},
		{Pattern: "POST /admin/profile/release", Op: manage.OpReleaseProfile, Handle: p.releaseProfile},
		{Pattern: "GET /admin/profile/registration-token", Op: manage.OpCreateRegistrationToken, Handle: p.askRegistrationToken},
		{Pattern: "POST /admin/profile/registration-token", Op: manage.OpCreateRegistrationToken, Handle: p.createRegistrationToken},
	}
}

// profileView is the token service profile, as it is read.
type profileView struct {
	manage.ProfileView
	Flows                   []flowRow
	Lifetimes               []lifetimeRow
	Policy                  option
	Registered              []string
	Managed                 managed
	MayChange, MayMakeToken bool
	History                 string
}

type flowRow struct {
	option
	On bool
}

type lifetimeRow struct {
	Field, Help string
	Seconds     int
}

// lifetimes are the durations of a profile, as they are explained.
var lifetimes = []struct {
	field, help string
	of          func(*oauth.Profile) *int
}{
	{"access_token_seconds", "How long an access token is good. Short is safe: apps renew silently.", func(p *oauth.Profile) *int { return &p.AccessTokenSeconds }},
	{"id_token_seconds", "How long an ID token is good.", func(p *oauth.Profile) *int { return &p.IDTokenSeconds }},
	{"refresh_seconds", "How long a client may renew by refresh tokens; empty or 0 for 30 days.", func(p *oauth.Profile) *int { return &p.RefreshSeconds }},
	{"session_idle_seconds", "A user who does nothing for so long signs in again.", func(p *oauth.Profile) *int { return &p.SessionIdleSeconds }},
	{"session_max_seconds", "A session ends then in any case.", func(p *oauth.Profile) *int { return &p.SessionMaxSeconds }},
}

var registrationOptions = []option{
	{Value: string(oauth.RegistrationToken), Label: "Who has a registration token", Help: "An admin makes such a token and hands it to a developer."},
	{Value: string(oauth.RegistrationOff), Label: "Nobody", Help: "Clients are created here, by file or by the API alone."},
	{Value: string(oauth.RegistrationInsecureOpen), Label: "Everybody", Risk: "everybody who reaches this server can register clients under any name."},
}

// registrationRisk is what a flow opens for clients that register by themselves.
var registrationRisk = map[oauth.Capability]string{
	oauth.CapAssistedToken:     "such a client may frame this server's pages from origins that it chooses.",
	oauth.CapClientCredentials: "such a client gets tokens without any user's consent.",
	oauth.CapTokenExchange:     "such a client may turn any token that it is shown into one of its own.",
}

func (p *Pages) showProfile(c *route.Call) error {
	profile, err := c.Manage.Profile(c.R.Context())
	if err != nil {
		return err
	}
	may := c.Caller.May(manage.OpChangeProfile)
	v := profileView{
		ProfileView: manage.ViewProfile(&profile), MayChange: may && profile.ManagedBy == "",
		MayMakeToken: c.Caller.May(manage.OpCreateRegistrationToken) && profile.Registration != oauth.RegistrationOff,
		History:      historyPath(store.KindProfile, ""), Managed: managed{What: "the token service", By: profile.ManagedBy},
	}
	if c.Caller.May(manage.OpReleaseProfile) {
		v.Managed.Release = "/admin/profile/release"
	}
	for _, o := range capabilityOptions {
		v.Flows = append(v.Flows, flowRow{o, profile.Can(oauth.Capability(o.Value))})
	}
	for _, l := range lifetimes {
		v.Lifetimes = append(v.Lifetimes, lifetimeRow{l.field, l.help, *l.of(&profile)})
	}
	v.Policy = registrationOptions[0]
	if i := slices.IndexFunc(registrationOptions, func(o option) bool { return o.Value == string(profile.Registration) }); i >= 0 {
		v.Policy = registrationOptions[i]
	}
	for _, k := range profile.Registrable() {
		v.Registered = append(v.Registered, capabilityName(k))
	}
	return p.render(c, http.StatusOK, "profile.html", "Token service", v)
}

// capabilityName is a flow for people.
func capabilityName(k oauth.Capability) string {
	for _, o := range capabilityOptions {
		if o.Value == string(k) {
			return o.Label
		}
	}
	return string(k)
}

// profileEdit is the form of the profile, scopes aside: each of these has a form of its own.
type profileEdit struct {
	Form                               *form
	Flows, Scopes, Policies, Registers []option
	Lifetimes                          []field
}

func profileValues(profile *oauth.Profile) url.Values {
	values := url.Values{
		"capabilities": as[string](profile.Capabilities), "default_scope": profile.DefaultScope,
		"registration":              {string(profile.Registration)},
		"registration_capabilities": as[string](profile.Registrable()),
	}
	if profile.Registration == "" {
		values.Set("registration", string(oauth.RegistrationToken))
	}
	for _, l := range lifetimes {
		values.Set(l.field, strconv.Itoa(*l.of(profile)))
	}
	return values
}

func (p *Pages) editProfile(c *route.Call) error {
	profile, err := c.Manage.Profile(c.R.Context())
	if err != nil {
		return err
	}
	return p.profileForm(c, http.StatusOK, &profile, newForm(profileValues(&profile), profile.Version))
}

func (p *Pages) profileForm(c *route.Call, status int, profile *oauth.Profile, f *form) error {
	v := profileEdit{Form: f, Flows: capabilityOptions, Policies: registrationOptions}
	for _, s := range profile.Scopes {
		v.Scopes = append(v.Scopes, option{Value: s.Name, Label: s.Name, Help: s.Description})
	}
	for _, o := range capabilityOptions {
		if k := oauth.Capability(o.Value); k != oauth.CapIntrospection {
			v.Registers = append(v.Registers, option{Value: o.Value, Label: o.Label, Risk: registrationRisk[k]})
		}
	}
	for _, l := range lifetimes {
		n, err := strconv.Atoi(f.text(l.field))
		reading := ""
		if err == nil && n > 0 {
			reading = seconds(n)
		}
		v.Lifetimes = append(v.Lifetimes, f.Field(l.field, l.help, "suffix="+reading))
	}
	return p.render(c, status, "profile_edit.html", "Change the token service", v)
}

func (p *Pages) changeProfile(c *route.Call) error {
	f, err := readForm(c)
	if err != nil {
		return err
	}
	values := make([]int, len(lifetimes))
	for i, l := range lifetimes {
		values[i] = f.number(l.field)
	}
	return p.saveProfile(c, f, "saved", func(profile *oauth.Profile) error {
		profile.Capabilities = picked(profile.Capabilities, as[oauth.Capability](f.list("capabilities")))
		profile.DefaultScope = picked(profile.DefaultScope, f.list("default_scope"))
		profile.Registration = oauth.Registration(f.text("registration"))
		// What registered clients may have by default goes on following the default of the server.
		if registers := picked(profile.Registrable(), as[oauth.Capability](f.list("registration_capabilities"))); !slices.Equal(registers, profile.Registrable()) {
			profile.RegistrationCapabilities = registers
		}
		for i, l := range lifetimes {
			*l.of(profile) = values[i]
		}
		return nil
	}, p.profileForm, profileValues)
}

// saveProfile stores what a form says, or shows the form again with what is wrong, or what somebody else changed.
func (p *Pages) saveProfile(
	c *route.Call, f *form, code string, change func(*oauth.Profile) error,
	again func(*route.Call, int, *oauth.Profile, *form) error, values func(*oauth.Profile) url.Values,
) error {
	c.Manage.IfVersion = f.Version
	var err error
	if len(f.Faults) == 0 {
		_, _, err = c.Manage.ChangeProfile(c.R.Context(), change)
	}
	if _, collided := asConflict(err); collided {
		now, err := c.Manage.Profile(c.R.Context())
		if err != nil {
			return err
		}
		if f.untouched(values(&now)) { // somebody changed what this form does not show
			f.Version = now.Version
			return p.saveProfile(c, f, code, change, again, values)
		}
		return p.conflict(c, f, values(&now), now.Version, collision{What: "The token service", Look: "/admin/profile", Action: c.R.URL.Path})
	}
	if len(f.Faults) > 0 || f.refused(err) {
		profile, err := c.Manage.Profile(c.R.Context())
		if err != nil {
			return err
		}
		return again(c, http.StatusUnprocessableEntity, &profile, f)
	}
	if err != nil {
		return err
	}
	return redirect(c, "/admin/profile", code)
}

func (p *Pages) askReleaseProfile(c *route.Call) error {
	return p.confirm(c, confirmation{
		Title: "Release the token service", Calm: true,
		Text:   "It can then be changed here. The file that manages it now takes it over again when it is applied the next time and still has a profile.",
		Action: c.R.URL.Path, Button: "Release", Back: "/admin/profile",
	})
}

func (p *Pages) releaseProfile(c *route.Call) error {
	if err := c.Manage.ReleaseProfile(c.R.Context()); err != nil {
		return err
	}
	return redirect(c, "/admin/profile", "released")
}
