package main

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

func clientList(s *storage) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the clients",
		Example: "  usher client list\n  usher client list --search shop --json",
		Args:    cobra.NoArgs,
	}
	search := cmd.Flags().String("search", "", "only those whose id or name holds this `text`, whatever the case")
	limit := limitFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			return printList(s, cmd, limit, listing[oauth.Client]{
				heading: []string{"ID", "NAME", "CAPABILITIES", "ORIGINS", "SCOPE", "DISABLED"},
				page: func(cursor string, limit int) (manage.Page[oauth.Client], error) {
					return m.ListClients(ctx, *search, cursor, limit)
				},
				row: func(c oauth.Client) []string {
					return []string{c.ID, c.Name, words(c.Capabilities), words(c.AllowedOrigins), words(c.Scope), yes(c.Disabled)}
				},
				view: func(c oauth.Client) any { return manage.ViewClient(&c) },
			})
		})
	}
	return does(cmd, manage.OpListClients)
}

func clientShow(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:     "show ID",
		Short:   "Show a client",
		Example: "  usher client show shop",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				c, err := m.Client(ctx, args[0])
				if err != nil {
					return err
				}
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), manage.ViewClient(&c))
				}
				return showClient(cmd.OutOrStdout(), &c)
			})
		},
	}, manage.OpShowClient)
}

func showClient(w io.Writer, c *oauth.Client) error {
	age := ""
	if c.DefaultMaxAge != nil {
		age = strconv.Itoa(*c.DefaultMaxAge) + " s"
	}
	err := record(w, [][2]string{
		{"id", c.ID}, {"name", c.Name}, {"kind", kindOf(c)}, {"disabled", yes(c.Disabled)}, {"registered", moment(c.Registered)},
		{"managed by", c.ManagedBy}, {"tried from", trialOf(c)},
		{"capabilities", words(c.Capabilities)}, {"allowed origins", words(c.AllowedOrigins)},
		{"redirect URIs", words(c.RedirectURIs)}, {"post-logout redirect URIs", words(c.PostLogoutRedirectURIs)},
		{"scope", words(c.Scope)}, {"consent required", yes(c.ConsentRequired)}, {"framed interaction", yes(c.FramedInteraction)},
		{"verified", verifiedOf(c)}, {"response types", strings.Join(c.ResponseTypes, ", ")},
		{"initiate login URI", c.InitiateLoginURI},
		{"authenticates by", string(c.AuthMethod)}, {"public keys", keysOf(c)}, {"certificate", c.TLSSubjectDN + c.TLSSANDNS},
		{"access token format", string(c.AccessTokenFormat)}, {"access token lifetime", seconds(c.AccessTokenSeconds)},
		{"id token algorithm", string(c.IDTokenAlg)}, {"userinfo algorithm", string(c.UserInfoAlg)},
		{"introspection algorithm", string(c.IntrospectionAlg)}, {"audience", words(c.Audience)}, {"resources", words(c.Resources)},
		{"bound to a DPoP key", yes(c.DPoPBound)}, {"bound to a certificate", yes(c.TLSBound)},
		{"subjects", string(c.SubjectType)}, {"sector", c.SectorIdentifier},
		{"pushed requests only", yes(c.RequirePushed)}, {"signed requests only", yes(c.RequireSigned)},
		{"request object algorithm", string(c.RequestObjectAlg)}, {"request URIs", words(c.RequestURIs)}, {"default max age", age},
		{"front-channel logout", c.FrontChannelLogoutURI}, {"back-channel logout", c.BackChannelLogoutURI},
	})
	if err != nil {
		return err
	}
	return warn(w, c)
}

// verifiedOf is empty for a client that an operator made.
func verifiedOf(c *oauth.Client) string {
	if c.Registered.IsZero() {
		return ""
	}
	return yes(c.Verified)
}

func trialOf(c *oauth.Client) string {
	if c.TrialOrigin == "" || !c.TrialUntil.After(clock.Wall()) {
		return ""
	}
	return c.TrialOrigin + " until " + moment(c.TrialUntil)
}

func kindOf(c *oauth.Client) string {
	switch {
	case c.IsPublic():
		return "public"
	case len(c.SecretHash) > 0:
		return "confidential (has a secret)"
	}
	return "confidential (has keys)"
}

func keysOf(c *oauth.Client) string {
	if len(c.JWKS) > 0 {
		return "jwks (see --json)"
	}
	return c.JWKSURI
}

func seconds(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n) + " s"
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime + " UTC")
}

func words[S ~string](list []S) string {
	text := make([]string, len(list))
	for i, v := range list {
		text[i] = string(v)
	}
	return strings.Join(text, " ")
}
