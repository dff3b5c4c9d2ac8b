package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/config"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
)

// restoring is one call of `usher restore`.
type restoring struct {
	*storage
	cmd       *cobra.Command
	config    config.Config
	master    token.Master
	afterCopy bool
	yes       bool
	keep      bool
	lost      bool
}

func restoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore {FILE | --after-copy}",
		Short: "Put a backup back, and end what it would revive",
		Long: `Puts a backup in the place of the SQLite database, while no server runs. The backup is checked first, and the database that
it replaces is kept beside it. With --after-copy there is nothing to put back: you did so yourself, with pg_restore or with
a snapshot of your PostgreSQL database or of a disk.

A database that goes back to an older state revives what ended since: sessions, tokens, links. So every key is replaced,
and every session ends with what apps were given in it, offline access too: users sign in again. Users, passwords,
clients and their secrets, consents and the audit log are those of the backup; what changed since is printed as a list of
what to look at. --keep-sessions skips all this, for a backup to which nothing was added: that of a stopped server which moves.`,
		Example: `  usher restore /var/backups/usher.db --config /etc/usher/usher.yaml
  usher restore --after-copy --yes --config /etc/usher/usher.yaml
  usher restore usher.db --keep-sessions --yes`,
		Args: cobra.MaximumNArgs(1),
	}
	r := &restoring{storage: addStorage(cmd), cmd: cmd}
	flags := cmd.Flags()
	flags.BoolVar(&r.afterCopy, "after-copy", false, "the data was put back already: only end what it would revive")
	flags.BoolVar(&r.yes, "yes", false, "do not ask")
	flags.BoolVar(&r.keep, "keep-sessions", false, "UNSAFE unless nothing happened since the backup: keep keys, sessions and tokens, also those that ended since")
	flags.BoolVar(&r.lost, "lost-master-key", false, "the master key of the backup is lost: make the new keys under the present one")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		return unlessInterrupted(ctx, r.run(ctx, args), "nothing was replaced")
	}
	return cmd
}

func (r *restoring) run(ctx context.Context, files []string) (err error) {
	switch {
	case r.afterCopy == (len(files) > 0):
		return errors.New("name a backup, or say --after-copy where the data was put back already; see 'usher restore --help'")
	case r.keep && r.afterCopy:
		return errors.New("--keep-sessions leaves nothing to do after the data was put back: start the server")
	case r.keep && r.lost:
		return errors.New("--keep-sessions keeps the keys, which need their master key: leave out one of the two flags")
	}
	if r.config, err = r.storage.config(); err != nil {
		return err
	}
	if r.master, err = masterOf(r.config); err != nil {
		return fmt.Errorf("nothing was replaced: %w", err)
	}
	path, err := sqlstore.SQLitePath(r.config.Database)
	switch {
	case err != nil:
		return err
	case r.afterCopy:
		return r.finish(ctx, path)
	case path == "":
		return errors.New("this is a PostgreSQL database: put the data back with pg_restore, then run 'usher restore --after-copy'")
	}
	return r.replace(ctx, path, files[0])
}

const lostHint = ", or add --lost-master-key if it is lost"

// finish ends what a database revives that was put back by other means.
func (r *restoring) finish(ctx context.Context, path string) error {
	if path != "" {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("there is no database %s: put the data back first, or name yours with --config or --database", path)
		}
	}
	return r.open(ctx, r.config.Database, func(m *manage.Manager) error {
		if !r.lost {
			err := m.CheckMaster(ctx)
			if errors.Is(err, token.ErrMaster) {
				err = fmt.Errorf("nothing was changed: %w%s", errOtherMaster, lostHint)
			}
			if err != nil {
				return err
			}
		}
		newest, err := newestAudit(ctx, m)
		if err != nil {
			return err
		}
		err = r.agree("This ends every session and token. Go on?")
		if err != nil {
			return err
		}
		ended, err := m.EndRestored(ctx)
		if err != nil {
			return err
		}
		return r.tell(restoreSummary{Newest: newest, Ended: &ended})
	})
}

// replace puts a file in the place of the database. All is done to a copy, which then takes its name: whenever this is
// interrupted, the database is the old one as it was, or the new one without anything that it would revive.
func (r *restoring) replace(ctx context.Context, path, file string) error {
	found, err := sqlstore.PrepareRestore(ctx, path, file, newProgress(r.cmd.ErrOrStderr()).show)
	if err != nil {
		return fmt.Errorf("nothing was replaced: %w", err)
	}
	defer found.Close()
	if !r.lost {
		if _, err := token.NewRing(found.Keys, r.master, ""); err != nil {
			return fmt.Errorf("nothing was replaced: %w%s", errOtherMaster, lostHint)
		}
	}
	if !r.asJSON {
		fmt.Fprintf(r.cmd.OutOrStdout(), "backup %s: %s\n", file, contentsText(found.Contents))
	}
	if err := r.agree("This replaces the database " + path + ". Go on?"); err != nil {
		return err
	}
	sum := restoreSummary{Backup: file, Database: path, Newest: found.Newest}
	err = r.open(ctx, found.URL(), func(m *manage.Manager) error {
		if r.keep {
			return m.KeepRestored(ctx)
		}
		ended, err := m.EndRestored(ctx)
		sum.Ended = &ended
		return err
	})
	if err == nil {
		sum.Kept, err = found.Replace(clock.Wall())
	}
	if err != nil {
		return fmt.Errorf("nothing was replaced: %w", err)
	}
	return r.tell(sum)
}

// open works on a database of which it makes neither profile nor keys.
func (r *restoring) open(ctx context.Context, url string, do func(*manage.Manager) error) (err error) {
	log := slog.New(slog.NewTextHandler(r.cmd.ErrOrStderr(), nil))
	opened, err := sqlstore.Open(ctx, sqlstore.Options{URL: url, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	if err := agrees(ctx, opened); err != nil {
		return err
	}
	return do(&manage.Manager{
		Store: opened, Master: r.master, Now: clock.Wall, Rand: rand.Reader, Actor: actor(), Role: oauth.RoleAdmin,
	})
}

func (r *restoring) agree(question string) error {
	if r.yes {
		return nil
	}
	return agree(r.cmd, r.asJSON, question, "nothing was changed: say --yes to do this without being asked")
}

func newestAudit(ctx context.Context, m *manage.Manager) (time.Time, error) {
	list, _, err := m.Store.Audits(ctx, store.AuditFilter{}, oauth.ID{}, 1)
	if err != nil || len(list) == 0 {
		return time.Time{}, err
	}
	return list[0].At, nil
}

// restoreSummary is what --json prints.
type restoreSummary struct {
	Backup   string `json:"backup,omitempty"`
	Database string `json:"database,omitempty"`
	// Kept is where the database is that was replaced.
	Kept   string          `json:"kept,omitempty"`
	Newest time.Time       `json:"newest_audit_record,omitzero"`
	Ended  *store.Restored `json:"ended,omitempty"`
}

func (r *restoring) tell(sum restoreSummary) error {
	w := r.cmd.OutOrStdout()
	if r.asJSON {
		return writeJSON(w, sum)
	}
	if sum.Backup != "" {
		fmt.Fprintf(w, "%s is restored from %s\n", sum.Database, sum.Backup)
	}
	if sum.Kept != "" {
		fmt.Fprintf(w, "the database that it replaced is kept as %s\n", sum.Kept)
	}
	if sum.Ended == nil {
		fmt.Fprintln(w, keptText)
	} else {
		e := sum.Ended
		fmt.Fprintf(w, "every key was replaced; ended: %d sessions, %d child sessions, app access of %d, %d refresh token families, %d device requests\n",
			e.Sessions, e.ChildSessions, e.Delegations, e.Families, e.DeviceRequests)
	}
	tellUnknown(w, sum)
	return nil
}

const keptText = "keys, sessions and tokens are those of the backup: what was signed out, revoked or used since is good again"

// tellUnknown lists what happened since the backup and cannot be known from it.
func tellUnknown(w io.Writer, sum restoreSummary) {
	since, from := "the backup", ""
	if !sum.Newest.IsZero() {
		since = sum.Newest.UTC().Format("2006-01-02 15:04:05 UTC")
		from = " --from " + sum.Newest.UTC().Format(time.RFC3339)
	}
	fmt.Fprintf(w, `
What happened after %s is not in the database. Do again what was done then:
  passwords changed: the old ones are good again ('usher user set-password USER')
  users locked or removed: they can sign in again ('usher user lock USER', 'usher user remove USER')
  users created: they are gone ('usher user add USER')
  roles given or taken ('usher operator list')
  clients changed, disabled or given a new secret ('usher client list')
  consents withdrawn: they are given again ('usher user withdraw-consent USER CLIENT')
`, since)
	if sum.Ended != nil {
		fmt.Fprintln(w, "All one-time links and initial access tokens have ended: make new ones where they are needed.")
	}
	if sum.Kept != "" {
		fmt.Fprintf(w, "If the replaced database can still be read, its audit log tells what was done:\n  usher audit list%s --database %s\n",
			from, shellQuoted("sqlite:"+sum.Kept))
	}
}

// shellQuoted is a text as one word of a shell.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
