package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

const userPage = 500

func userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "user",
		Aliases: []string{"users"},
		Short:   "Manage users",
		Long: `Manages users. Passwords are asked for without echo, or read as one line of standard input; never from a
flag, which other users of this machine could read.`,
		Example: `  usher user add ann --name 'Ann Archer' --email ann@example.com
  usher user set-password ann < password.txt
  usher user lock ann
  usher user list --json`,
	}
	onlyGroups(cmd)
	s := addStorage(cmd)
	cmd.AddCommand(userAdd(s), userChange(s), userSetPassword(s), userList(s), userShow(s),
		userDo(s, "lock NAME", "Keep a user out and end the user's sessions", "locked", (*manage.Manager).LockAccount),
		userDo(s, "unlock NAME", "Let a user in again", "unlocked", (*manage.Manager).UnlockAccount),
		userDo(s, "remove NAME", "Remove a user and all that hangs off the account", "removed", (*manage.Manager).RemoveAccount),
		userWithdraw(s))
	return cmd
}

func userAdd(s *storage) *cobra.Command {
	var acc oauth.Account
	var claims claimFlags
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user; asks for the password",
		Example: `  usher user add ann --name 'Ann Archer' --email ann@example.com
  usher user add ann < password.txt
  usher user add ann --claim given_name=Ann --claim email_verified=true --claim 'address={"country":"CH"}'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			acc.Username = args[0]
			if err := claims.apply(&acc); err != nil {
				return err
			}
			password, err := readPassword(cmd)
			if err != nil {
				return err
			}
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				created, err := m.CreateAccount(ctx, acc, password)
				if err != nil {
					return err
				}
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), created)
				}
				return s.done(cmd, "user "+created.Username+" added")
			})
		},
	}
	cmd.Flags().StringVar(&acc.Name, "name", "", "the user's full name")
	cmd.Flags().StringVar(&acc.Email, "email", "", "the user's e-mail address")
	claims.add(cmd)
	return cmd
}

func userChange(s *storage) *cobra.Command {
	var want oauth.Account
	var claims claimFlags
	cmd := &cobra.Command{
		Use:   "change NAME",
		Short: "Change a user's names, e-mail address or claims",
		Example: `  usher user change ann --email ann@example.org
  usher user change ann --username anna
  usher user change ann --claim phone_number='+41 44 000 00 00' --claim nickname=`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := claims.apply(&oauth.Account{}); err != nil {
				return err
			}
			return s.withUser(cmd, args[0], func(ctx context.Context, m *manage.Manager, found oauth.Account) error {
				_, after, err := m.ChangeAccount(ctx, found.ID, func(acc *oauth.Account) {
					set := func(flag string, field *string, value string) {
						if cmd.Flags().Changed(flag) {
							*field = value
						}
					}
					set("username", &acc.Username, want.Username)
					set("name", &acc.Name, want.Name)
					set("email", &acc.Email, want.Email)
					_ = claims.apply(acc) // what was given is well formed, and so is what is stored
				})
				if err != nil {
					return err
				}
				return s.done(cmd, "user "+after.Username+" changed")
			})
		},
	}
	cmd.Flags().StringVar(&want.Username, "username", "", "another user name; the subject that apps see stays")
	cmd.Flags().StringVar(&want.Name, "name", "", "the user's full name")
	cmd.Flags().StringVar(&want.Email, "email", "", "the user's e-mail address")
	claims.add(cmd)
	return cmd
}

func userSetPassword(s *storage) *cobra.Command {
	return &cobra.Command{
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
	}
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
func userDo(s *storage, use, short, done string, do func(*manage.Manager, context.Context, oauth.ID) error) *cobra.Command {
	return &cobra.Command{
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
	}
}

func userWithdraw(s *storage) *cobra.Command {
	return &cobra.Command{
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
	}
}

func userList(s *storage) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the users",
		Example: "  usher user list\n  usher user list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				users := []oauth.Account{}
				rows := [][]string{{"USERNAME", "NAME", "E-MAIL", "LOCKED", "SUBJECT"}}
				for cursor := ""; ; {
					page, err := m.Accounts(ctx, "", cursor, userPage)
					if err != nil {
						return err
					}
					for _, u := range page.Items {
						rows = append(rows, []string{u.Username, u.Name, u.Email, yes(u.Locked), u.ID.String()})
					}
					users = append(users, page.Items...)
					if cursor = page.Next; cursor == "" {
						break
					}
				}
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), users)
				}
				return table(cmd.OutOrStdout(), rows)
			})
		},
	}
}

func userShow(s *storage) *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a user",
		Example: "  usher user show ann",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.withUser(cmd, args[0], func(_ context.Context, _ *manage.Manager, u oauth.Account) error {
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), u)
				}
				return record(cmd.OutOrStdout(), [][2]string{
					{"username", u.Username}, {"name", u.Name}, {"e-mail", u.Email}, {"locked", yes(u.Locked)},
					{"claims", string(u.Attributes)},
					{"subject", u.ID.String()}, {"created", u.Created.UTC().Format(time.DateTime + " UTC")},
				})
			})
		},
	}
}

// claimFlags are further claims about a user, as name=value.
type claimFlags struct{ given []string }

func (f *claimFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.given, "claim", nil, "claim about the user as `name=value`: a text, or JSON; an empty value removes it (repeatable)")
}

// apply sets what was given and leaves the rest. A standard claim that is a text is one whatever it looks like; any other
// value is taken as JSON where it is JSON.
func (f *claimFlags) apply(acc *oauth.Account) error {
	if len(f.given) == 0 {
		return nil
	}
	claims := map[string]json.RawMessage{}
	if len(acc.Attributes) > 0 {
		if err := json.Unmarshal(acc.Attributes, &claims); err != nil {
			return err
		}
	}
	for _, text := range f.given {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("--claim %q: write name=value", text)
		}
		switch {
		case value == "":
			delete(claims, name)
		case manage.TextClaim(name) || !json.Valid([]byte(value)):
			claims[name], _ = json.Marshal(value) // a string can always be marshalled
		default:
			claims[name] = json.RawMessage(value)
		}
	}
	var err error
	acc.Attributes, err = json.Marshal(claims)
	return err
}
