package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/config"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
)

func backupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the SQLite database to a file while the server runs",
		Long: `Copies the SQLite database to FILE as it is at one moment. The server and other commands go on reading and writing.
FILE gets its name when it is complete, and only its owner can read it. It does not hold the master key: keep a copy of
that elsewhere. Put the backup back with 'usher restore'.

A PostgreSQL database is backed up with pg_dump, or with the snapshots that your provider offers.`,
		Example: `  usher backup /var/backups/usher.db --config /etc/usher/usher.yaml --verify
  usher backup usher.db --force --json`,
		Args: cobra.ExactArgs(1),
	}
	s := addStorage(cmd)
	force := cmd.Flags().Bool("force", false, "replace FILE if it exists")
	verify := cmd.Flags().Bool("verify", false, "read the copy back, and check it and that the master key opens its keys")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := s.config()
		if err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		return s.backup(ctx, cmd, c, args[0], *force, *verify)
	}
	return cmd
}

// backupSummary is what --json prints.
type backupSummary struct {
	File     string             `json:"file"`
	Bytes    int64              `json:"bytes"`
	Seconds  float64            `json:"seconds"`
	Contents *sqlstore.Contents `json:"contents,omitempty"`
	// MasterKeyChecked tells whether a master key was configured, which then opens the keys.
	MasterKeyChecked bool `json:"master_key_checked"`
}

func (s *storage) backup(ctx context.Context, cmd *cobra.Command, c config.Config, file string, force, verify bool) error {
	path, err := sqlstore.SQLitePath(c.Database)
	if err != nil {
		return err
	}
	if path == "" {
		return errors.New("this is a PostgreSQL database: back it up with 'pg_dump -Fc', or with your provider's snapshots")
	}
	if file, err = filepath.Abs(file); err != nil {
		return err
	}
	began := time.Now()
	made, err := sqlstore.Backup(ctx, sqlstore.BackupOptions{
		Database: path, File: file, Force: force, Verify: verify, Progress: newProgress(cmd.ErrOrStderr()).show,
	})
	if err != nil {
		return unlessInterrupted(ctx, err, "no backup was made")
	}
	sum := backupSummary{File: file, Bytes: made.Bytes, Seconds: time.Since(began).Seconds(), Contents: made.Contents}
	if made.Contents != nil {
		if sum.MasterKeyChecked, err = checkMaster(c, made.Contents.Keys); err != nil {
			return fmt.Errorf("the backup %s is complete, but %w", file, errOtherMaster)
		}
	}
	if s.asJSON {
		return writeJSON(cmd.OutOrStdout(), sum)
	}
	return sum.tell(cmd.OutOrStdout(), path)
}

func (b backupSummary) tell(w io.Writer, database string) error {
	_, err := fmt.Fprintf(w, "backup of %s in %s (%s, %.1f s)\n", database, b.File, sizeText(b.Bytes), b.Seconds)
	if b.Contents != nil {
		_, err = fmt.Fprintf(w, "verified: %s\n%s\n", contentsText(*b.Contents), masterText(b.MasterKeyChecked))
	}
	return err
}

// errOtherMaster says that the configured master key is not the one of a backup.
var errOtherMaster = errors.New("the configured master key does not open its keys: configure the one that it was made with")

// checkMaster tells whether there is a master key, and fails where it does not open the keys.
func checkMaster(c config.Config, keys []token.WrappedKey) (checked bool, err error) {
	master, err := masterOf(c)
	if err != nil {
		return false, nil
	}
	_, err = token.NewRing(keys, master, "")
	return true, err
}

func masterText(checked bool) string {
	if checked {
		return "the master key opens its keys"
	}
	return "there is no master key here, so whether it opens the keys was not checked"
}

func contentsText(c sqlstore.Contents) string {
	text := fmt.Sprintf("schema %d, %d users, %d clients, %d sessions, %d audit records", c.Schema, c.Users, c.Clients, c.Sessions, c.Audits)
	if !c.Newest.IsZero() {
		text += ", the newest of " + moment(c.Newest)
	}
	return text
}

// unlessInterrupted says that a signal ended the work, and what became of it.
func unlessInterrupted(ctx context.Context, err error, outcome string) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return errors.New("interrupted: " + outcome)
	}
	return err
}
