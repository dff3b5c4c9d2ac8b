package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

func userSetPassword(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:     "set-password NAME",
		Short:   "Give a user a new password and end the user's sessions",
		Example: "  usher user set-password ann\n  usher user set-password ann < password.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := readPassword(cmd)
			if err != nil {
				return err
			}
			return s.withUser(cmd, args[0], func(ctx context.Context, m *manage.Manager, acc oauth.Account) error {
				if err := m.SetPassword(ctx, acc.ID, password); err != nil {
					return err
				}
				return s.done(cmd, "password of "+args[0]+" changed; the user's sessions have ended")
			})
		},
	}, manage.OpSetPassword)
}

// withUser is with, for what is about one user.
func (s *storage) withUser(cmd *cobra.Command, name string, do func(context.Context, *manage.Manager, oauth.Account) error) error {
	return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
		acc, err := m.AccountNamed(ctx, name)
		if err != nil {
			return err
		}
		return do(ctx, m, acc)
	})
}

// userDo is a subcommand that does one thing to one user.
func userDo(s *storage, use, short, done string, op manage.Operation, do func(*manage.Manager, context.Context, oauth.ID) error) *cobra.Command {
	return does(&cobra.Command{
		Use:     use,
		Short:   short,
		Example: "  usher user " + use[:len(use)-len("NAME")] + "ann",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.withUser(cmd, args[0], func(ctx context.Context, m *manage.Manager, acc oauth.Account) error {
				if err := do(m, ctx, acc.ID); err != nil {
					return err
				}
				return s.done(cmd, "user "+args[0]+" "+done)
			})
		},
	}, op)
}

func userWithdraw(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:     "withdraw-consent NAME CLIENT",
		Short:   "Take back what a user agreed to for a client, and end what it was given",
		Example: "  usher user withdraw-consent ann shop",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.withUser(cmd, args[0], func(ctx context.Context, m *manage.Manager, acc oauth.Account) error {
				if err := m.WithdrawConsent(ctx, acc.ID, args[1]); err != nil {
					return err
				}
				return s.done(cmd, "consent of "+args[0]+" for "+args[1]+" withdrawn")
			})
		},
	}, manage.OpWithdrawConsent)
}

func userPasswordLink(s *storage) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "password-link NAME",
		Short: "Print a one-time link with which a user sets a password, or signs in with a new browser",
		Long: `Prints a link with which a user sets a password, once, within 15 minutes. Whoever has the link has the account: send it
where only that user reads it. The password in force, if any, works until the link is used. Where
too many attempts of others keep a user out of a new browser, the user opens the link in it and
keeps the password: that browser is then known.`,
		Example: "  usher user password-link ann\n  usher user password-link ann --demo",
		Args:    cobra.ExactArgs(1),
	}
	s.asksBaseURL(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return s.withMaster(cmd, func(ctx context.Context, m *manage.Manager) error {
			acc, err := m.AccountNamed(ctx, args[0])
			if err != nil {
				return err
			}
			link, err := m.NewPasswordLink(ctx, acc.ID)
			if err != nil {
				return err
			}
			return s.link(cmd, link, "send it to "+acc.Username+" alone: whoever opens it sets the password")
		})
	}
	return does(cmd, manage.OpCreatePasswordLink)
}

// link prints a one-time link where programs find it, and what to do with it where people do.
func (s *storage) link(cmd *cobra.Command, link manage.Link, advice string) error {
	if s.asJSON {
		return writeJSON(cmd.OutOrStdout(), link)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "good once, until %s; %s\n", link.Expires.UTC().Format(time.TimeOnly+" UTC"), advice)
	_, err := fmt.Fprintln(cmd.OutOrStdout(), link.URL)
	return err
}

// consentView is a consent for programs.
type consentView struct {
	AccountID oauth.ID  `json:"account_id"`
	Username  string    `json:"username"`
	ClientID  string    `json:"client_id"`
	Scope     []string  `json:"scope"`
	Updated   time.Time `json:"updated"`
}

func userConsents(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:     "consents NAME",
		Short:   "List what a user agreed to, client by client",
		Example: "  usher user consents ann\n  usher user withdraw-consent ann shop",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.withUser(cmd, args[0], func(ctx context.Context, m *manage.Manager, acc oauth.Account) error {
				consents, err := m.Consents(ctx, acc.ID)
				if err != nil {
					return err
				}
				views, rows := []consentView{}, [][]string{{"CLIENT", "SCOPE", "SINCE"}}
				for _, c := range consents {
					views = append(views, consentView{acc.ID, acc.Username, c.ClientID, c.Scope, c.Updated})
					rows = append(rows, []string{c.ClientID, words(c.Scope), moment(c.Updated)})
				}
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), views)
				}
				return table(cmd.OutOrStdout(), rows)
			})
		},
	}, manage.OpListConsents)
}
