package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

func clientCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "client",
		Aliases: []string{"clients"},
		Short:   "Manage clients: the apps and APIs that use this server",
		Long: `Manages clients: the single page apps that sign users in, and the APIs that check tokens. A change is in
force on every node within 2 seconds; no restart is needed.`,
		Example: `  usher client add shop --name Shop --origin https://shop.example.com --scope 'openid profile'
  usher client add shop-api --name 'Shop API' --capability introspection --secret
  usher client change shop --origin https://shop.example.com --origin https://www.shop.example.com
  usher client show shop --json`,
	}
	onlyGroups(cmd)
	s := addStorage(cmd)
	cmd.AddCommand(clientAdd(s), clientChange(s), clientList(s), clientShow(s), clientResetSecret(s), clientRemove(s))
	return cmd
}

func clientAdd(s *storage) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "add ID",
		Short: "Register a client",
		Long: `Registers a client. Without --secret it is a public one, as every single page app is. With --secret it gets
a generated secret, which is printed once and never again.`,
		Example: `  usher client add shop --name Shop --origin https://shop.example.com --scope 'openid profile'
  usher client add shop-api --name 'Shop API' --capability introspection --secret`,
		Args: cobra.ExactArgs(1),
	}
	f.add(cmd)
	withSecret := cmd.Flags().Bool("secret", false, "generate a secret: the client authenticates (confidential client)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c := oauth.Client{ID: args[0], Name: args[0], Capabilities: []oauth.Capability{oauth.CapAssistedToken}}
		f.apply(cmd, &c)
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			if !*withSecret {
				if err := m.CreatePublicClient(ctx, c); err != nil {
					return err
				}
				return s.changed(cmd, &c, "", "added")
			}
			secret, err := m.CreateConfidentialClient(ctx, c)
			if err != nil {
				return err
			}
			return s.changed(cmd, &c, secret, "added")
		})
	}
	return cmd
}

func clientChange(s *storage) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "change ID",
		Short: "Change a client",
		Long: `Changes what the flags name and leaves the rest. A list is replaced as a whole: repeat its flag for each
entry, or give it an empty value for an empty list.`,
		Example: `  usher client change shop --scope 'openid profile payment' --lifetime 120
  usher client change shop --disabled
  usher client change shop --redirect-uri ''`,
		Args: cobra.ExactArgs(1),
	}
	f.add(cmd)
	disabled := cmd.Flags().Bool("disabled", false, "switch the client off and end what it was given; --disabled=false switches it on")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			_, after, err := m.ChangeClient(ctx, args[0], func(c *oauth.Client) {
				f.apply(cmd, c)
				if cmd.Flags().Changed("disabled") {
					c.Disabled = *disabled
				}
			})
			if err != nil {
				return err
			}
			return s.changed(cmd, &after, "", "changed")
		})
	}
	return cmd
}

func clientResetSecret(s *storage) *cobra.Command {
	return &cobra.Command{
		Use:   "reset-secret ID",
		Short: "Give a client a new secret",
		Long: `Generates a new secret and prints it once. The old one is worth nothing from then on.

The example API of 'usher demo' reads its secret from example-api.secret in the demo's folder.`,
		Example: "  usher client reset-secret shop-api",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				secret, err := m.ResetSecret(ctx, args[0])
				if err != nil {
					return err
				}
				c, err := m.Client(ctx, args[0])
				if err != nil {
					return err
				}
				return s.changed(cmd, &c, secret, "changed")
			})
		},
	}
}

func clientRemove(s *storage) *cobra.Command {
	return &cobra.Command{
		Use:     "remove ID",
		Short:   "Remove a client and end everything that it was given",
		Example: "  usher client remove shop",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				if err := m.RemoveClient(ctx, args[0]); err != nil {
					return err
				}
				return s.done(cmd, "client "+args[0]+" removed")
			})
		},
	}
}

func clientList(s *storage) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the clients",
		Example: "  usher client list\n  usher client list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				clients, err := m.Clients(ctx)
				if err != nil {
					return err
				}
				views := make([]clientView, len(clients))
				rows := [][]string{{"ID", "NAME", "CAPABILITIES", "ORIGINS", "SCOPE", "DISABLED"}}
				for i := range clients {
					c := &clients[i]
					views[i] = viewOf(c)
					rows = append(rows, []string{c.ID, c.Name, words(c.Capabilities), words(c.AllowedOrigins), words(c.Scope), yes(c.Disabled)})
				}
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), views)
				}
				return table(cmd.OutOrStdout(), rows)
			})
		},
	}
}

func clientShow(s *storage) *cobra.Command {
	return &cobra.Command{
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
					return writeJSON(cmd.OutOrStdout(), viewOf(&c))
				}
				return showClient(cmd.OutOrStdout(), &c)
			})
		},
	}
}

// clientView is what may be shown of a client: all but the hash of its secret.
type clientView struct {
	oauth.Client
	SecretHash   *struct{} `json:"secret_hash,omitempty"` // hides the client's
	Confidential bool      `json:"confidential"`
	Secret       string    `json:"secret,omitempty"` // only at the moment it is made
	Warnings     []string  `json:"warnings,omitempty"`
}

func viewOf(c *oauth.Client) clientView {
	return clientView{Client: *c, Confidential: !c.IsPublic(), Warnings: manage.Warnings(c)}
}

// changed reports a change, with the secret where one was made.
func (s *storage) changed(cmd *cobra.Command, c *oauth.Client, secret, what string) error {
	out := cmd.OutOrStdout()
	if s.asJSON {
		view := viewOf(c)
		view.Secret, view.Confidential = secret, view.Confidential || secret != ""
		return writeJSON(out, view)
	}
	fmt.Fprintf(out, "client %s %s\n", c.ID, what)
	if secret != "" {
		fmt.Fprintf(out, "secret (shown only now): %s\n", secret)
	}
	return warn(cmd.ErrOrStderr(), c)
}

func warn(w io.Writer, c *oauth.Client) error {
	for _, text := range manage.Warnings(c) {
		fmt.Fprintln(w, "warning: "+text)
	}
	return nil
}

// done reports what has no more to show than that it happened.
func (s *storage) done(cmd *cobra.Command, what string) error {
	if s.asJSON {
		return writeJSON(cmd.OutOrStdout(), map[string]string{"done": what})
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), what)
	return err
}

func showClient(w io.Writer, c *oauth.Client) error {
	kind := "public"
	if !c.IsPublic() {
		kind = "confidential (has a secret)"
	}
	lifetime := ""
	if c.AccessTokenSeconds != 0 {
		lifetime = strconv.Itoa(c.AccessTokenSeconds) + " s"
	}
	err := record(w, [][2]string{
		{"id", c.ID}, {"name", c.Name}, {"kind", kind}, {"disabled", yes(c.Disabled)},
		{"capabilities", words(c.Capabilities)}, {"allowed origins", words(c.AllowedOrigins)},
		{"redirect URIs", words(c.RedirectURIs)}, {"post-logout redirect URIs", words(c.PostLogoutRedirectURIs)},
		{"scope", words(c.Scope)}, {"access token format", string(c.AccessTokenFormat)}, {"access token lifetime", lifetime},
		{"id token algorithm", string(c.IDTokenAlg)}, {"audience", words(c.Audience)},
		{"consent required", yes(c.ConsentRequired)}, {"framed interaction", yes(c.FramedInteraction)},
	})
	if err != nil {
		return err
	}
	return warn(w, c)
}

func words[S ~string](list []S) string {
	text := make([]string, len(list))
	for i, v := range list {
		text[i] = string(v)
	}
	return strings.Join(text, " ")
}
