package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/store"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "See what was decided, by whom and about whom",
		Long: `The audit log has a record of every decision: sign-ins, consents, revocations, every change by an operator. Records are
kept for audit_keep_days. What a change changed is in 'usher history'.`,
		Example: `  usher audit list --user ann --from 24h
  usher audit list --follow
  usher audit export --format csv --from 2026-01-01 --output audit.csv`,
	}
	onlyGroups(cmd)
	s := addStorage(cmd)
	cmd.AddCommand(auditList(s), auditExport(s))
	return cmd
}

// auditFlags narrow the audit log.
type auditFlags struct{ event, actor, user, client, from, to string }

func (f *auditFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.event, "event", "", "only this `event`, as in sign_in_failed")
	flags.StringVar(&f.actor, "actor", "", "only what this `actor` did, as in operator:ann or cli:root")
	flags.StringVar(&f.user, "user", "", "only about this user: a user `name`, or a subject where the user is no more")
	flags.StringVar(&f.client, "client", "", "only about the client with this `id`")
	flags.StringVar(&f.from, "from", "", "only from this `time` on: 2026-01-31, 2026-01-31T08:00:00Z, or 24h for so long ago")
	flags.StringVar(&f.to, "to", "", "only before this `time`")
}

func (f *auditFlags) filter(ctx context.Context, m *manage.Manager) (filter store.AuditFilter, err error) {
	filter = store.AuditFilter{Actor: f.actor, ClientID: f.client}
	if filter.Event, err = store.ParseEvent(f.event); err != nil {
		return filter, fmt.Errorf("--event: %w", err)
	}
	if filter.From, err = timeFlag("from", f.from, m.Now()); err != nil {
		return filter, err
	}
	if filter.To, err = timeFlag("to", f.to, m.Now()); err != nil {
		return filter, err
	}
	filter.AccountID, err = accountID(ctx, m, f.user)
	return filter, err
}

// timeFlag reads a day, a moment, or a span before now.
func timeFlag(name, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("--%s %q: write a day (2026-01-31), a moment (2026-01-31T08:00:00Z) or a span before now (24h)", name, text)
}

func auditList(s *storage) *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List audit records, newest first",
		Long: `Lists audit records, newest first. With --follow it shows the last ones oldest first, and then each one that comes, until
it is interrupted (--json: one object a line). Many failed sign-ins of one user, reason and network
share records, which count them.`,
		Example: `  usher audit list --event sign_in_failed --from 24h
  usher audit list --user ann --client shop --all --json
  usher audit list --follow`,
		Args: cobra.NoArgs,
	}
	f.add(cmd)
	limit := limitFlags(cmd)
	follow := cmd.Flags().Bool("follow", false, "go on with what comes, until interrupted")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *follow && f.to != "" {
			return fmt.Errorf("--follow shows what comes, so it goes without --to")
		}
		return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
			filter, err := f.filter(ctx, m)
			if err != nil {
				return err
			}
			if *follow {
				return followAudit(ctx, s, cmd, &follower{manager: m, filter: filter}, limit.count())
			}
			return printList(s, cmd, limit, listing[store.Audit]{
				heading: auditHeading,
				page: func(cursor string, limit int) (manage.Page[store.Audit], error) {
					return m.Audits(ctx, filter, cursor, limit)
				},
				row:  auditRow,
				view: func(a store.Audit) any { return manage.ViewAudit(a) },
			})
		})
	}
	return does(cmd, manage.OpListAudit)
}

var auditHeading = []string{"AT", "EVENT", "BY", "USER", "CLIENT", "FROM", "DETAIL"}

func auditRow(a store.Audit) []string {
	user := a.Username
	if user == "" { // of a user who is gone
		user = idText(a.AccountID)
	}
	detail := a.Detail
	if a.Count > 1 {
		detail = fmt.Sprintf("%d times %s", a.Count, detail)
	}
	return []string{moment(a.At), string(a.Event), a.Actor, user, a.ClientID, a.Address, detail}
}
