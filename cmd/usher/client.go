package main

import (
	"context"
	"fmt"
	"io"

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
  usher client show shop --json
  usher client snippet shop --framework react`,
	}
	onlyGroups(cmd)
	s := addStorage(cmd)
	cmd.AddCommand(clientAdd(s), clientChange(s), clientList(s), clientShow(s), clientResetSecret(s), clientRemove(s),
		clientRelease(s), clientTry(s), clientSnippet(s))
	return cmd
}

func clientAdd(s *storage) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "add ID",
		Short: "Register a client",
		Long: `Registers a client. Without --secret it is a public one, as every single page app is, unless --auth-method
names a way with keys. With --secret it gets a generated secret, which is printed once and never again.`,
		Example: `  usher client add shop --name Shop --origin https://shop.example.com --scope 'openid profile'
  usher client add shop-api --name 'Shop API' --capability introspection --secret
  usher client add web --capability code --capability refresh --redirect-uri https://web.example.com/cb --scope 'openid profile'
  usher client add batch --capability client_credentials --auth-method private_key_jwt --jwks-file batch.jwks --scope read
  usher client show shop --json | usher client add shop2 --from -`,
		Args: cobra.ExactArgs(1),
	}
	f.add(cmd)
	withSecret := cmd.Flags().Bool("secret", false, "generate a secret: the client authenticates (confidential client)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		set, err := f.change(cmd)
		if err != nil {
			return err
		}
		c := oauth.Client{ID: args[0], Name: args[0], Capabilities: []oauth.Capability{oauth.CapAssistedToken}}
		set(&c)
		return s.withSecrets(cmd, func(ctx context.Context, m *manage.Manager) error {
			if *withSecret {
				secret, err := m.CreateConfidentialClient(ctx, c)
				return s.changed(ctx, cmd, m, c.ID, secret, "added", err)
			}
			return s.changed(ctx, cmd, m, c.ID, "", "added", m.CreatePublicClient(ctx, c))
		})
	}
	return does(cmd, manage.OpCreateClient)
}

func clientChange(s *storage) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "change ID",
		Short: "Change a client",
		Long: `Changes what the flags name and leaves the rest. A list is replaced as a whole: repeat its flag for each
entry, or give it an empty value for an empty list. --from replaces all but the id and the secret.`,
		Example: `  usher client change shop --scope 'openid profile payment' --lifetime 120
  usher client change shop --disabled
  usher client change shop --redirect-uri ''
  usher client change shop-api --auth-method client_secret_jwt --secret`,
		Args: cobra.ExactArgs(1),
	}
	f.add(cmd)
	disabled := cmd.Flags().Bool("disabled", false, "switch the client off and end what it was given; --disabled=false switches it on")
	withSecret := cmd.Flags().Bool("secret", false, "generate a new secret as well: the client authenticates with it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		set, err := f.change(cmd)
		if err != nil {
			return err
		}
		change := func(c *oauth.Client) {
			set(c)
			if cmd.Flags().Changed("disabled") {
				c.Disabled = *disabled
			}
		}
		return s.withSecrets(cmd, func(ctx context.Context, m *manage.Manager) error {
			var secret string
			if *withSecret {
				_, secret, err = m.ChangeClientAndSecret(ctx, args[0], change)
			} else {
				_, _, err = m.ChangeClient(ctx, args[0], change)
			}
			return s.changed(ctx, cmd, m, args[0], secret, "changed", err)
		})
	}
	return does(cmd, manage.OpChangeClient)
}

func clientResetSecret(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:   "reset-secret ID",
		Short: "Give a client a new secret",
		Long: `Generates a new secret and prints it once. The old one is worth nothing from then on.

The example API of 'usher demo' reads its secret from example-api.secret in the demo's folder.`,
		Example: "  usher client reset-secret shop-api",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.withSecrets(cmd, func(ctx context.Context, m *manage.Manager) error {
				if was, err := m.Client(ctx, args[0]); err == nil && was.IsPublic() {
					return fmt.Errorf("client %s is public: it has no secret. An app in a browser cannot keep one; to make it confidential all the same: usher client change %[1]s --secret", was.ID)
				}
				secret, err := m.ResetSecret(ctx, args[0])
				return s.changed(ctx, cmd, m, args[0], secret, "changed", err)
			})
		},
	}, manage.OpResetClientSecret)
}

func clientRemove(s *storage) *cobra.Command {
	return does(&cobra.Command{
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
	}, manage.OpRemoveClient)
}

// withSecrets is with, for what may make a secret that is kept under the master key; manage says where it is missing.
func (s *storage) withSecrets(cmd *cobra.Command, do func(ctx context.Context, m *manage.Manager) error) error {
	c, err := s.config()
	if err != nil {
		return err
	}
	return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
		if master, err := masterOf(c); err == nil {
			m.Master = master
		}
		return do(ctx, m)
	})
}

// changed reports a change that was made (err is nil), with the secret where one was.
func (s *storage) changed(ctx context.Context, cmd *cobra.Command, m *manage.Manager, id, secret, what string, err error) error {
	if err != nil {
		return err
	}
	c, err := m.Client(ctx, id)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if s.asJSON {
		view := manage.ViewClient(&c)
		view.Secret = secret
		return writeJSON(out, view)
	}
	fmt.Fprintf(out, "client %s %s\n", c.ID, what)
	if secret != "" {
		fmt.Fprintf(out, "secret (shown only now): %s\n", secret)
	}
	return warn(cmd.ErrOrStderr(), &c)
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
