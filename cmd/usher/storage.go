package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/config"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/server"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
)

// storage is where a management command finds the database: the server's own configuration, or the
// folder of `usher demo`.
type storage struct {
	settings *settings
	demo     bool
	data     string
	asJSON   bool
	// baseURL and adminURL are the server's addresses where a command asks for them and they are not the configuration's.
	baseURL, adminURL string
}

func addStorage(cmd *cobra.Command) *storage {
	s := &storage{}
	flags := cmd.PersistentFlags()
	s.settings = addSettings(cmd, flags, "database", "master_key_file", "insecure_any_origin")
	flags.BoolVar(&s.demo, "demo", false, "work on the data of 'usher demo'")
	flags.StringVar(&s.data, "data", "", "work on the data of 'usher demo' in this folder")
	flags.BoolVar(&s.asJSON, "json", false, "print JSON")
	return s
}

// with opens the database, does the work, and closes it. It makes the first profile and keys where the
// database is new and a master key is there.
func (s *storage) with(cmd *cobra.Command, do func(ctx context.Context, m *manage.Manager) error) (err error) {
	ctx := cmd.Context()
	c, err := s.config()
	if err != nil {
		return err
	}
	if err := s.mayCreate(c); err != nil {
		return err
	}
	opened, err := sqlstore.Open(ctx, sqlstore.Options{URL: c.Database, Logger: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	if err := agrees(ctx, opened); err != nil {
		return err
	}
	base := address(s.baseURL, c.BaseURL)
	m := &manage.Manager{
		Store: opened, Now: clock.Wall, Rand: rand.Reader, Actor: actor(), Role: oauth.RoleAdmin, InsecureAnyOrigin: c.InsecureAnyOrigin,
		BaseURL: base, Issuer: server.Issuer(base), AdminURL: address(s.adminURL, c.AdminBaseURL),
	}
	if _, err := opened.Settings(ctx); errors.Is(err, store.ErrNotFound) {
		if err := bootstrap(ctx, m, c); err != nil {
			return err
		}
	}
	if s.isDemo() && s.adminURL == "" {
		m.AdminURL = lastAdminURL(ctx, m)
	}
	return do(ctx, m)
}

// agrees refuses to change anything by a clock that is off the database's: it would be stored.
func agrees(ctx context.Context, opened store.Store) error {
	v, err := clock.NewWatch(clock.Wall, clock.Boot).Look(func() (clock.Witness, error) {
		p, err := opened.Pulse(ctx)
		return p.Witness(), err
	})
	if err == nil && !v.Trust.Serves() {
		err = errors.New(v.Why)
	}
	return err
}

func (s *storage) isDemo() bool { return s.demo || s.data != "" }

// lastAdminURL is where the admin pages of a demo were when it last started: it has no configuration file to say so, but
// the client of the admin pages returns there.
func lastAdminURL(ctx context.Context, m *manage.Manager) string {
	c, err := m.Client(ctx, oauth.AdminClientID)
	if err != nil || len(c.RedirectURIs) == 0 {
		return m.AdminURL
	}
	u, err := url.Parse(c.RedirectURIs[0])
	if err != nil {
		return m.AdminURL
	}
	return u.Scheme + "://" + u.Host
}

func address(flag, configured string) string {
	return strings.TrimSuffix(cmp.Or(flag, configured), "/")
}

// asksBaseURL gives a command --base-url.
func (s *storage) asksBaseURL(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.baseURL, "base-url", "", "the server's `address`, where it is not that of the configuration")
}

// asksAdminURL is the same for the address of the admin pages.
func (s *storage) asksAdminURL(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.adminURL, "admin-url", "", "the `address` of the admin pages, where it is not that of the configuration")
}

// mayCreate refuses to make a database that could not be used: one without a master key for its first keys.
func (s *storage) mayCreate(c config.Config) error {
	path, isFile := strings.CutPrefix(c.Database, "sqlite:")
	if !isFile {
		return nil
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := masterOf(c); err != nil {
		return fmt.Errorf("there is no database %s: name yours with --config or --database (--demo for the demo's); to begin a new one, make a master key with 'usher keys new-master FILE' and give it with --master-key-file FILE", path)
	}
	return nil
}

// withMaster is with, for what touches keys.
func (s *storage) withMaster(cmd *cobra.Command, do func(ctx context.Context, m *manage.Manager) error) error {
	c, err := s.config()
	if err != nil {
		return err
	}
	master, err := masterOf(c)
	if err != nil {
		return err
	}
	return s.with(cmd, func(ctx context.Context, m *manage.Manager) error {
		m.Master = master
		return do(ctx, m)
	})
}

func bootstrap(ctx context.Context, m *manage.Manager, c config.Config) (err error) {
	if m.Master, err = masterOf(c); err != nil {
		return fmt.Errorf("%w, so its keys have to be made: %w", manage.ErrNotSetUp, err)
	}
	return m.Bootstrap(ctx)
}

func masterOf(c config.Config) (token.Master, error) {
	text, err := c.MasterKey()
	if err != nil {
		return token.Master{}, err
	}
	return token.ParseMaster(text)
}

func (s *storage) config() (config.Config, error) {
	if !s.isDemo() {
		return config.LoadStorage(s.settings.sources())
	}
	dir, err := demoFolder(s.data)
	if err != nil {
		return config.Config{}, err
	}
	if _, err := os.Stat(filepath.Join(dir, demoDatabase)); errors.Is(err, fs.ErrNotExist) {
		return config.Config{}, fmt.Errorf("there is no demo in %s: run 'usher demo' first, or name its folder with --data", dir)
	}
	sources := config.Sources{Flags: map[string]string{
		"database": "sqlite:" + filepath.Join(dir, demoDatabase), "master_key_file": filepath.Join(dir, demoMasterKey),
	}}
	c, err := config.LoadStorage(sources)
	if err != nil {
		return c, err
	}
	// Links and tokens that a command makes are for the address where the demo is, which need not be the usual port.
	last, err := os.ReadFile(filepath.Join(dir, demoAddress))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	c.BaseURL = cmp.Or(strings.TrimSpace(string(last)), c.BaseURL)
	return c, nil
}

// actor names who sits at the command line, for the audit log.
func actor() string {
	if u, err := user.Current(); err == nil {
		return "cli:" + u.Username
	}
	return "cli:" + strings.TrimSpace(os.Getenv("USER"))
}

// readMaster reads a master key file with the same checks as the configuration's.
func readMaster(path string) (token.Master, error) {
	c, err := config.LoadStorage(config.Sources{Flags: map[string]string{"master_key_file": path}})
	if err != nil {
		return token.Master{}, err
	}
	return masterOf(c)
}
