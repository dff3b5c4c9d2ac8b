package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const (
	followEvery = time.Second
	// followBack is how far each look goes back: a record gets its ID before its transaction ends, and the clocks of nodes
	// differ a little, so one may appear before others that were shown.
	followBack = 10 * time.Second
)

// follower reads the audit log as it grows.
type follower struct {
	manager *manage.Manager
	filter  store.AuditFilter
	last    time.Time // of the newest record that was shown
	shown   map[oauth.ID]time.Time
	oldest  oauth.ID // what is before the first that was shown is left out
}

// followAudit shows the last records and then what comes, until the command is interrupted.
func followAudit(ctx context.Context, s *storage, cmd *cobra.Command, f *follower, limit int) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	if limit <= 0 || limit > manage.MaxPage {
		return fmt.Errorf("--follow begins with at most %d records: give a --limit from 1 to that", manage.MaxPage)
	}
	show := func(a store.Audit) error {
		if s.asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(manage.ViewAudit(a))
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), followLine(auditRow(a)))
		return err
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	err := f.begin(ctx, limit, show)
	for err == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			err = f.next(ctx, show)
		}
	}
	return unlessStopped(ctx, err)
}

// begin shows the newest records there are, oldest first.
func (f *follower) begin(ctx context.Context, limit int, show func(store.Audit) error) error {
	f.shown, f.last = map[oauth.ID]time.Time{}, f.manager.Now()
	var list []store.Audit
	for cursor := ""; ; {
		page, err := f.manager.Audits(ctx, f.filter, cursor, limit-len(list))
		if err != nil {
			return err
		}
		list = append(list, page.Items...)
		if cursor = page.Next; cursor == "" || len(list) >= limit {
			break
		}
	}
	slices.Reverse(list)
	if len(list) > 0 {
		f.oldest = list[0].ID
	}
	for _, a := range list {
		if err := f.show(a, show); err != nil {
			return err
		}
	}
	return nil
}

// next shows what came since.
func (f *follower) next(ctx context.Context, show func(store.Audit) error) error {
	since := f.last.Add(-followBack)
	for id, at := range f.shown {
		if at.Before(since) {
			delete(f.shown, id)
		}
	}
	after := firstIDOf(since)
	if bytes.Compare(after[:], f.oldest[:]) < 0 {
		after = f.oldest
	}
	for {
		list, err := f.manager.Store.AuditsAfter(ctx, f.filter, after, manage.MaxPage)
		if err != nil {
			return err
		}
		for _, a := range list {
			if err := f.show(a, show); err != nil {
				return err
			}
		}
		if len(list) < manage.MaxPage {
			return nil
		}
		after = list[len(list)-1].ID
	}
}

// show passes a record on unless it was shown before.
func (f *follower) show(a store.Audit, show func(store.Audit) error) error {
	if _, before := f.shown[a.ID]; before {
		return nil
	}
	f.shown[a.ID] = a.At
	if a.At.After(f.last) {
		f.last = a.At
	}
	return show(a)
}

// firstIDOf is before every record of the time: IDs begin with it, in milliseconds (see store.Audit).
func firstIDOf(t time.Time) (id oauth.ID) {
	for i, ms := 5, uint64(t.UnixMilli()); i >= 0; i, ms = i-1, ms>>8 {
		id[i] = byte(ms)
	}
	return id
}

// followLine puts a row in one line: what comes later cannot be aligned with it.
func followLine(row []string) string {
	var words []string
	for _, cell := range row {
		if cell != "" {
			words = append(words, printable(cell))
		}
	}
	return strings.Join(words, "  ")
}
