package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
)

func registrationTokenCommand() *cobra.Command {
	var valid time.Duration
	cmd := &cobra.Command{
		Use:   "registration-token",
		Short: "Print an initial access token, with which clients register by themselves",
		Long: `Prints an initial access token (RFC 7591). Whoever has it can register clients at the registration endpoint, any
number of them, until it expires; so treat it like a password. It is stored nowhere: the audit log has its id.

A token is for one address of the server: base_url of the configuration, with --demo that of the demo's last start, or
--base-url.`,
		Example: `  usher registration-token --config /etc/usher/usher.yaml
  usher registration-token --demo --valid 1h
  curl -H "Authorization: Bearer $(usher registration-token --demo)" -H 'Content-Type: application/json' \
    -d '{"redirect_uris":["https://app.example.com/cb"]}' https://localhost:8443/oauth/v2/oauth-register`,
		Args: cobra.NoArgs,
	}
	s := addStorage(cmd)
	s.asksBaseURL(cmd)
	cmd.Flags().DurationVar(&valid, "valid", 24*time.Hour, "how long it is good, at most 720h")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.withMaster(cmd, func(ctx context.Context, m *manage.Manager) error {
			text, expires, err := m.NewRegistrationToken(ctx, m.Issuer, valid)
			if err != nil {
				return err
			}
			until := expires.UTC().Format(time.RFC3339)
			if s.asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]string{"token": text, "expires": until, "server": m.BaseURL})
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "good until %s at %s\n", until, m.BaseURL)
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		})
	}
	return does(cmd, manage.OpCreateRegistrationToken)
}
