package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

func userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "user",
		Aliases: []string{"users"},
		Short:   "Manage users",
		Long: `Manages users. Passwords are asked for without echo, or read as one line of standard input; never from a
flag, which other users of this machine could read.`,
		Example: `  usher user add ann --name 'Ann Archer' --email ann@example.com
  usher user set-password ann < password.txt
  usher user password-link ann
  usher user lock ann
  usher user list --search ann --json`,
	}
	onlyGroups(cmd)
	s := addStorage(cmd)
	cmd.AddCommand(userAdd(s), userChange(s), userSetPassword(s), userPasswordLink(s), userList(s), userShow(s),
		userDo(s, "lock NAME", "Keep a user out and end the user's sessions", "locked", manage.OpLockAccount, (*manage.Manager).LockAccount),
		userDo(s, "unlock NAME", "Let a user in again", "unlocked", manage.OpUnlockAccount, (*manage.Manager).UnlockAccount),
		userDo(s, "release NAME", "Forget wrong guesses at a user's password: the user can try again",
			"released", manage.OpReleaseThrottle, (*manage.Manager).ReleaseThrottle),
		userDo(s, "remove NAME", "Remove a user and all that hangs off the account", "removed", manage.OpRemoveAccount, (*manage.Manager).RemoveAccount),
		userDo(s, "sign-out NAME", "End every session of a user, with what apps were given", "signed out everywhere", manage.OpEndAccountSessions,
			(*manage.Manager).EndAccountSessions),
		userConsents(s), userWithdraw(s), userThrottle(s))
	return cmd
}

func userAdd(s *storage) *cobra.Command {
	var acc oauth.Account
	var claims claimFlags
	var noPassword bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user; asks for the password",
		Example: `  usher user add ann --name 'Ann Archer' --email ann@example.com
  usher user add ann < password.txt
  usher user add ann --no-password && usher user password-link ann
  usher user add ann --claim given_name=Ann --claim email_verified=true --claim 'address={"country":"CH"}'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			acc.Username = args[0]
			if err := claims.apply(&acc); err != nil {
				return err
			}
			var password string
			if !noPassword {
				var err error
				if password, err = readPassword(cmd); err != nil {
					return err
				}
			}
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				created, err := m.CreateAccount(ctx, acc, password)
				if err != nil {
					return err
				}
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), created)
				}
				if noPassword {
					return s.done(cmd, "user "+created.Username+" added; 'usher user password-link "+created.Username+"' lets the user set a password")
				}
				return s.done(cmd, "user "+created.Username+" added")
			})
		},
	}
	cmd.Flags().StringVar(&acc.Name, "name", "", "the user's full name")
	cmd.Flags().StringVar(&acc.Email, "email", "", "the user's e-mail address")
	cmd.Flags().StringVar(&acc.ExternalID, "external-id", "", "the user's `id` in the directory that provisions users (SCIM)")
	cmd.Flags().BoolVar(&noPassword, "no-password", false, "ask for none: the user sets one by a link")
	claims.add(cmd)
	return does(cmd, manage.OpCreateAccount)
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
					set("external-id", &acc.ExternalID, want.ExternalID)
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
	cmd.Flags().StringVar(&want.ExternalID, "external-id", "", "the user's `id` in the directory that provisions users (SCIM)")
	claims.add(cmd)
	return does(cmd, manage.OpChangeAccount)
}

func userList(s *storage) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the users",
		Example: "  usher user list\n  usher user list --search ann --json",
		Args:    cobra.NoArgs,
	}
	search := cmd.Flags().String("search", "", "only those whose user name or e-mail address begins with this `text`, whatever the case")
	limit := limitFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			return printList(s, cmd, limit, listing[oauth.Account]{
				heading: []string{"USERNAME", "NAME", "E-MAIL", "ROLE", "LOCKED", "SUBJECT"},
				page: func(cursor string, limit int) (manage.Page[oauth.Account], error) {
					return m.Accounts(ctx, *search, cursor, limit)
				},
				row: func(u oauth.Account) []string {
					return []string{u.Username, u.Name, u.Email, string(u.Role), yes(u.Locked), u.ID.String()}
				},
			})
		})
	}
	return does(cmd, manage.OpListAccounts)
}

func userShow(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:     "show NAME",
		Short:   "Show a user, and why the user cannot sign in",
		Example: "  usher user show ann",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			show := func(ctx context.Context, m *manage.Manager, u oauth.Account) error {
				seen, err := m.SignIns(ctx, &u)
				if err != nil {
					return err
				}
				throttle, err := m.Throttle(ctx, u.ID)
				if err != nil {
					return err
				}
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), struct {
						oauth.Account
						SignIns  manage.SignIns     `json:"sign_ins"`
						Throttle authn.ThrottleView `json:"throttle"`
					}{u, seen, throttle})
				}
				err = record(cmd.OutOrStdout(), append([][2]string{
					{"username", u.Username}, {"name", u.Name}, {"e-mail", u.Email},
					{"role", string(u.Role)}, {"locked", yes(u.Locked)}, {"external id", u.ExternalID},
					{"claims", string(u.Attributes)}, {"subject", u.ID.String()},
					{"created", moment(u.Created)}, {"last sign-in", lastSignIn(seen)},
				}, throttleRows(&throttle)...))
				if err != nil {
					return err
				}
				return showFailures(cmd.OutOrStdout(), seen)
			}
			return s.withUser(cmd, args[0], show)
		},
	}, manage.OpShowAccount, manage.OpShowSignIns)
}

// lastSignIn says when and from where the last sign-in came.
func lastSignIn(seen manage.SignIns) string {
	if seen.Last == nil {
		return "none in the audit log"
	}
	return moment(seen.Last.At) + " from " + seen.Last.Address
}

// showFailures says what prevents a sign-in, and how the last ones failed.
func showFailures(w io.Writer, seen manage.SignIns) error {
	for _, text := range seen.Obstacles {
		fmt.Fprintln(w, "! "+printable(text))
	}
	if len(seen.Failures) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	rows := [][]string{{"FAILED", "TIMES", "FROM", "REASON"}}
	for _, a := range seen.Failures {
		rows = append(rows, []string{moment(a.At), strconv.Itoa(a.Count), a.Address, a.Detail})
	}
	return table(w, rows)
}
