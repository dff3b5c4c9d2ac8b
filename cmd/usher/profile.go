package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

func profileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Show or change the server's OAuth settings: flows, scopes, lifetimes, registration",
		Long: `The profile is what all clients share: which flows are on, which scopes there are, how long things live, and who
may register clients. A change is in force on every node within 2 seconds; no restart is needed.`,
		Example: `  usher profile show
  usher profile change --add-scope 'orders=See your orders'
  usher profile change --registration off`,
	}
	onlyGroups(cmd)
	s := addStorage(cmd)
	cmd.AddCommand(profileShow(s), profileChange(s), profileRelease(s))
	return cmd
}

func profileShow(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:     "show",
		Short:   "Show the profile",
		Example: "  usher profile show\n  usher profile show --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				p, err := m.Profile(ctx)
				if err != nil {
					return err
				}
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), manage.ViewProfile(&p))
				}
				return showProfile(cmd.OutOrStdout(), &p)
			})
		},
	}, manage.OpShowProfile)
}

func showProfile(w io.Writer, p *oauth.Profile) error {
	err := record(w, [][2]string{
		{"capabilities", words(p.Capabilities)}, {"default scope", words(p.DefaultScope)},
		{"access token lifetime", seconds(p.AccessTokenSeconds)}, {"id token lifetime", seconds(p.IDTokenSeconds)},
		{"refresh lifetime", seconds(int(p.RefreshLifetime().Seconds()))},
		{"session without use", seconds(p.SessionIdleSeconds)}, {"session in any case", seconds(p.SessionMaxSeconds)},
		{"registration", words([]oauth.Registration{registrationOf(p)})},
		{"registered clients may have", words(p.Registrable())}, {"managed by", p.ManagedBy},
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	rows := [][]string{{"SCOPE", "DESCRIPTION", "SIGN-IN AT MOST", "CLAIMS"}}
	for _, sc := range p.Scopes {
		rows = append(rows, []string{sc.Name, sc.Description, seconds(sc.MaxAuthAge), words(sc.Claims)})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	for _, text := range manage.ProfileWarnings(p) {
		fmt.Fprintln(w, "warning: "+text)
	}
	return nil
}

func registrationOf(p *oauth.Profile) oauth.Registration {
	if p.Registration == "" {
		return oauth.RegistrationToken
	}
	return p.Registration
}

func profileRelease(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:   "release",
		Short: "Take the profile back from the file that manages it",
		Long: `Takes the profile back from the file that manages it, so that it can be changed here and in the admin pages. The next
'usher apply' of that file takes it over again; so remove it from the file too.`,
		Example: "  usher profile release",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				p, err := m.Profile(ctx)
				if err != nil {
					return err
				}
				if err := m.ReleaseProfile(ctx); err != nil {
					return err
				}
				return s.done(cmd, "the profile"+releasedFrom(p.ManagedBy))
			})
		},
	}, manage.OpReleaseProfile)
}

// profileFlags are the settings of the profile as flags.
type profileFlags struct {
	capabilities, registrable, add, remove, claims, ages, defaults []string
	registration                                                   string
	lifetimes                                                      map[string]*int
}

func profileChange(s *storage) *cobra.Command {
	f := profileFlags{lifetimes: map[string]*int{}}
	cmd := &cobra.Command{
		Use:   "change",
		Short: "Change the profile",
		Long: `Changes what the flags name and leaves the rest. --capability and --default-scope replace a list as a whole; scopes are
added, described anew and removed one by one. A scope that a client has cannot be removed.`,
		Example: `  usher profile change --capability assisted_token --capability code --capability refresh
  usher profile change --add-scope 'orders=See your orders' --scope-claims orders=customer_number
  usher profile change --scope-max-age payment=30
  usher profile change --remove-scope read
  usher profile change --access-token-seconds 120 --session-idle-seconds 3600`,
		Args: cobra.NoArgs,
	}
	f.addTo(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			_, after, err := m.ChangeProfile(ctx, func(p *oauth.Profile) error { return f.apply(cmd, p) })
			if err != nil {
				return err
			}
			for _, text := range manage.ProfileWarnings(&after) {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+text)
			}
			return s.done(cmd, "profile changed")
		})
	}
	return does(cmd, manage.OpChangeProfile)
}

func (f *profileFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.capabilities, "capability", nil, "`flow` that is on: "+words(oauth.Capabilities)+" (repeatable)")
	flags.StringArrayVar(&f.add, "add-scope", nil, "add a scope, or describe one anew, as `name=description` (repeatable)")
	flags.StringArrayVar(&f.remove, "remove-scope", nil, "remove the scope of this `name` (repeatable)")
	flags.StringArrayVar(&f.claims, "scope-claims", nil, "claims about the user that a scope gives, as `name=claim,claim` (repeatable)")
	flags.StringArrayVar(&f.ages, "scope-max-age", nil, "age of the sign-in that a scope demands, as `name=seconds`; 0 for any (repeatable)")
	flags.StringArrayVar(&f.defaults, "default-scope", nil, "`scope` of a client that has none of its own (repeatable)")
	for name, usage := range map[string]string{
		"access-token-seconds": "lifetime of access tokens", "id-token-seconds": "lifetime of id tokens",
		"refresh-seconds": "how long refresh tokens can follow from one sign-in; 0 for 30 days", "session-idle-seconds": "when a session ends that is not used",
		"session-max-seconds": "when a session ends in any case",
	} {
		f.lifetimes[name] = flags.Int(name, 0, usage+", in `seconds`")
	}
	flags.StringVar(&f.registration, "registration", "", "who may register clients: initial_access_token, off, or insecure_open (UNSAFE: everybody)")
	flags.StringArrayVar(&f.registrable, "registration-capability", nil, "`flow` that clients which register by themselves may have (repeatable; the list replaces the one before; '' for the default: code implicit hybrid refresh device)")
	complete(cmd, "capability", words(oauth.Capabilities))
	complete(cmd, "registration", "initial_access_token off insecure_open")
}

// apply sets what was given and leaves the rest.
func (f *profileFlags) apply(cmd *cobra.Command, p *oauth.Profile) error {
	given := cmd.Flags().Changed
	if given("capability") {
		p.Capabilities = list[oauth.Capability](f.capabilities)
	}
	if given("default-scope") {
		p.DefaultScope = list[string](f.defaults)
	}
	if given("registration") {
		p.Registration = oauth.Registration(f.registration)
	}
	if given("registration-capability") {
		p.RegistrationCapabilities = list[oauth.Capability](f.registrable)
	}
	for flag, field := range map[string]*int{
		"access-token-seconds": &p.AccessTokenSeconds, "id-token-seconds": &p.IDTokenSeconds, "refresh-seconds": &p.RefreshSeconds,
		"session-idle-seconds": &p.SessionIdleSeconds, "session-max-seconds": &p.SessionMaxSeconds,
	} {
		if given(flag) {
			*field = *f.lifetimes[flag]
		}
	}
	return f.applyScopes(p)
}

func (f *profileFlags) applyScopes(p *oauth.Profile) error {
	for _, text := range f.add {
		name, description, _ := strings.Cut(text, "=")
		if sc := scopeOf(p, name); sc != nil {
			sc.Description = description
		} else {
			p.Scopes = append(p.Scopes, oauth.Scope{Name: name, Description: description})
		}
	}
	for _, text := range f.claims {
		name, claims, _ := strings.Cut(text, "=")
		sc := scopeOf(p, name)
		if sc == nil {
			return noScope("--scope-claims", name)
		}
		sc.Claims = list[string](strings.Split(claims, ","))
	}
	for _, text := range f.ages {
		name, age, _ := strings.Cut(text, "=")
		sc := scopeOf(p, name)
		if sc == nil {
			return noScope("--scope-max-age", name)
		}
		n, err := strconv.Atoi(age)
		if err != nil {
			return fmt.Errorf("--scope-max-age %q: write name=seconds", text)
		}
		sc.MaxAuthAge = n
	}
	for _, name := range f.remove {
		if scopeOf(p, name) == nil {
			return noScope("--remove-scope", name)
		}
		p.Scopes = slices.DeleteFunc(p.Scopes, func(sc oauth.Scope) bool { return sc.Name == name })
	}
	return nil
}

func scopeOf(p *oauth.Profile, name string) *oauth.Scope {
	i := slices.IndexFunc(p.Scopes, func(sc oauth.Scope) bool { return sc.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Scopes[i]
}

func noScope(flag, name string) error {
	return fmt.Errorf("%s: there is no scope %q; see 'usher profile show'", flag, name)
}
