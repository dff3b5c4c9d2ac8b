package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

func userThrottle(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:   "throttle NAME",
		Short: "List the networks that guessed wrong at a user's password",
		Long: `Lists the networks whose wrong guesses at a user's password still count, the latest first, and until
when new browsers there are refused. "usher user release NAME" forgets them.`,
		Example: "  usher user throttle ann\n  usher user release ann",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list := func(ctx context.Context, m *manage.Manager, acc oauth.Account) error {
				v, err := m.Throttle(ctx, acc.ID)
				if err != nil {
					return err
				}
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), v)
				}
				rows := [][]string{{"NETWORK", "WRONG", "LAST", "REFUSED UNTIL"}}
				for _, n := range v.Networks {
					until := ""
					if n.Until != nil {
						until = moment(*n.Until)
					}
					rows = append(rows, []string{n.Network, strconv.Itoa(n.Guesses), moment(n.Last), until})
				}
				return table(cmd.OutOrStdout(), rows)
			}
			return s.withUser(cmd, args[0], list)
		},
	}, manage.OpShowThrottle)
}

// throttleRows say in "usher user show" what is in the way of a user's sign-in; none where nothing is.
func throttleRows(v *authn.ThrottleView) (rows [][2]string) {
	if v.Guesses > 0 {
		text := fmt.Sprintf("%d, of %d networks", v.Guesses, len(v.Networks))
		rows = append(rows, [2]string{"wrong passwords", text})
	}
	if v.Until != nil {
		until := moment(*v.Until)
		rows = append(rows, [2]string{"new browsers", "refused on every network until " + until})
	}
	return rows
}
