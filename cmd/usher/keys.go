package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/token"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "keys",
		Aliases: []string{"key"},
		Short:   "Manage signing and sealing keys, and the master key",
		Long: `Manages the keys that sign id tokens and JWT access tokens and that seal everything else. They rotate by
themselves; the commands here are for when that is not enough. All are stored wrapped by the master key,
which is never in the database.`,
		Example: `  usher keys new-master master.key
  usher keys list
  usher keys rotate
  usher keys revoke hXk2...`,
	}
	onlyGroups(cmd)
	s := addStorage(cmd)
	cmd.AddCommand(keysList(s), keysRotate(s), keysRevoke(s), keysReset(s), keysNewMaster(s), keysChangeMaster(s))
	return cmd
}

func keysList(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:     "list",
		Short:   "List the keys with their age and state",
		Long:    "Lists the keys. A 'next' key is published and not yet used, the 'current' one is used, a 'retired' one is still good for what it made.",
		Example: "  usher keys list\n  usher keys list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
				keys, err := m.Keys(ctx)
				if err != nil {
					return err
				}
				if s.asJSON {
					return writeJSON(cmd.OutOrStdout(), keys)
				}
				rows := [][]string{{"ID", "USE", "ALG", "STATE", "AGE", "IN FORCE FROM"}}
				for _, k := range keys {
					rows = append(rows, []string{k.ID, string(k.Use), string(k.Alg), string(k.State),
						age(clock.Wall().Sub(k.Created)), k.Activates.UTC().Format("2006-01-02 15:04 UTC")})
				}
				return table(cmd.OutOrStdout(), rows)
			})
		},
	}, manage.OpListKeys)
}

func age(d time.Duration) string {
	if days := int(d.Hours() / 24); days > 0 {
		return fmt.Sprintf("%d d", days)
	}
	return d.Truncate(time.Minute).String()
}

func keysRotate(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:   "rotate",
		Short: "Make the next keys now",
		Long: `Makes a successor of every current key that has none yet. It is published first and comes into force when
everybody who caches the published keys knows it, so nothing breaks. Old keys stay good for what they
made. Against a key that somebody else may know use 'usher keys revoke'.`,
		Example: "  usher keys rotate",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.withMaster(cmd, func(ctx context.Context, m *manage.Manager) error {
				made, err := m.RotateKeys(ctx)
				if err != nil {
					return err
				}
				if len(made) == 0 {
					return s.done(cmd, "every current key has a successor already; see 'usher keys list'")
				}
				var text []string
				for _, k := range made {
					text = append(text, fmt.Sprintf("made %s; it comes into force %s", manage.DescribeKey(k), k.Activates.UTC().Format("2006-01-02 15:04 UTC")))
				}
				return s.done(cmd, strings.Join(text, "\n"))
			})
		},
	}, manage.OpRotateKeys)
}

func keysRevoke(s *storage) *cobra.Command {
	return does(&cobra.Command{
		Use:   "revoke ID",
		Short: "Remove a compromised key at once",
		Long: `Removes a key that somebody else may know. Everything that was made with it is worth nothing at once: apps
renew their tokens silently, a sign-in that is under way begins anew. A current key is replaced.`,
		Example: "  usher keys list\n  usher keys revoke hXk2...",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.withMaster(cmd, func(ctx context.Context, m *manage.Manager) error {
				replacement, err := m.RevokeKey(ctx, args[0])
				if err != nil {
					return err
				}
				text := "key " + args[0] + " revoked"
				if replacement != nil {
					text += "; " + manage.DescribeKey(*replacement) + " is in force"
				}
				return s.done(cmd, text)
			})
		},
	}, manage.OpRevokeKey)
}

func keysReset(s *storage) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset --yes",
		Short: "Replace every key, for when the master key is lost",
		Long: `Replaces every key by a new one under the master key at hand; the old one is not needed. Every token and
every sign-in under way is worth nothing from then on; accounts, clients, consents and sessions survive.`,
		Example: "  usher keys new-master master.key\n  usher keys reset --yes --master-key-file master.key",
		Args:    cobra.NoArgs,
	}
	sure := cmd.Flags().Bool("yes", false, "yes, end every token")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !*sure {
			return errors.New("this ends every token and every sign-in under way; if that is meant, add --yes")
		}
		return s.withMaster(cmd, func(ctx context.Context, m *manage.Manager) error {
			if err := m.ResetKeys(ctx); err != nil {
				return err
			}
			return s.done(cmd, "every key was replaced; restart the nodes that ran with another master key")
		})
	}
	return cmd
}

func keysNewMaster(s *storage) *cobra.Command {
	return &cobra.Command{
		Use:   "new-master FILE",
		Short: "Make a master key in a file",
		Long: `Makes a master key in a new file that only its owner can read. It wraps all other keys. Keep a copy where
the database's backups are not: who has both has everything.`,
		Example: "  usher keys new-master /etc/usher/master.key",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := newMasterFile(args[0]); err != nil {
				return err
			}
			return s.done(cmd, "master key made in "+args[0])
		},
	}
}

// newMasterFile never overwrites: a master key that is gone takes every wrapped key with it.
func newMasterFile(path string) error {
	master, err := token.NewMaster(rand.Reader)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already; choose another file: usher never overwrites a master key", path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(master.Encode() + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}

func keysChangeMaster(s *storage) *cobra.Command {
	return &cobra.Command{
		Use:   "change-master NEW-FILE",
		Short: "Wrap every key under another master key",
		Long: `Wraps every key under the master key in NEW-FILE. Nothing ends. Nodes that run go on with the keys that they
have, and complain in their log; start them again with the new master key before the next key comes into force.`,
		Example: `  usher keys new-master new.key
  usher keys change-master new.key --master-key-file master.key`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			next, err := readMaster(args[0])
			if err != nil {
				return err
			}
			return s.withMaster(cmd, func(ctx context.Context, m *manage.Manager) error {
				if err := m.ChangeMaster(ctx, next); err != nil {
					return err
				}
				return s.done(cmd, "every key is wrapped under the master key in "+args[0]+"; put it in the place of the old one and restart the nodes")
			})
		},
	}
}
