package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const (
	appClient = "bench-app"
	apiClient = "bench-api"
	appOrigin = "https://app.example.com"
	password  = "seven green bicycles"
	// tokenLifetime is longer than any bench: tokens made at its beginning are good to its end.
	tokenLifetime = 24 * time.Hour
)

// world is a database with users who are signed in, and all that their browsers would hold.
type world struct {
	database  string
	master    token.Master
	ring      *token.Ring
	apiSecret string
	users     []user
	hash      string // of the password that all have
	began     time.Time
}

// user is one signed-in user.
type user struct {
	account, session, delegation oauth.ID
	cookie                       string
}

func username(i int) string { return fmt.Sprintf("user-%06d", i) }

// seed fills an empty database: the configuration the way an operator does, users and sessions in bulk.
func seed(ctx context.Context, database, baseURL string, accounts int) (*world, error) {
	w := &world{database: database, users: make([]user, accounts), began: time.Now()}
	var err error
	if w.master, err = token.NewMaster(rand.Reader); err != nil {
		return nil, err
	}
	if err := w.configure(ctx, baseURL); err != nil {
		return nil, err
	}
	if w.hash, err = authn.HashPassword(password); err != nil {
		return nil, err
	}
	for i := range w.users {
		w.users[i] = newUser()
	}
	if strings.HasPrefix(database, "sqlite:") {
		return w, w.fillSQLite()
	}
	return w, w.fillPostgres(ctx)
}

func newUser() user {
	var u user
	var secret [32]byte
	for _, b := range [][]byte{u.account[:], u.session[:], u.delegation[:], secret[:]} {
		rand.Read(b)
	}
	u.cookie = base64.RawURLEncoding.EncodeToString(secret[:])
	return u
}

// configure makes schema, profile, keys and the two clients: the app and the API that introspects.
func (w *world) configure(ctx context.Context, baseURL string) (err error) {
	s, err := sqlstore.Open(ctx, sqlstore.Options{URL: w.database, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	m := &manage.Manager{Store: s, Master: w.master, Now: time.Now, Rand: rand.Reader, Actor: "cli:bench"}
	if err := m.Bootstrap(ctx); err != nil {
		return err
	}
	err = m.CreatePublicClient(ctx, oauth.Client{
		ID: appClient, Name: "Bench", Capabilities: []oauth.Capability{oauth.CapAssistedToken},
		AllowedOrigins: []oauth.OriginPattern{appOrigin}, Scope: []string{"openid", "profile", "read"},
	})
	if err != nil {
		return err
	}
	w.apiSecret, err = m.CreateConfidentialClient(ctx, oauth.Client{
		ID: apiClient, Name: "Bench API", Capabilities: []oauth.Capability{oauth.CapIntrospection},
	})
	if err != nil {
		return err
	}
	snap, err := s.Load(ctx)
	if err != nil {
		return err
	}
	w.ring, err = token.NewRing(snap.Keys, w.master, baseURL+"/oauth/v2/oauth-anonymous")
	return err
}

// accessToken makes a fresh access token of a user, as the server would.
func (w *world) accessToken(u user) (string, error) {
	t := oauth.AccessToken{
		DelegationID: u.delegation, ClientID: appClient, Subject: u.account.String(), Scope: []string{"read"},
		Issued: w.began, Expires: w.began.Add(tokenLifetime),
	}
	rand.Read(t.ID[:])
	return w.ring.SealAccess(t, time.Now())
}

// table is what is filled in bulk: a row for each user.
type table struct {
	name    string
	columns []string
	row     func(i int, u user) []any
}

func (w *world) tables() []table {
	now := w.began.UnixMilli()
	idle, expires := (8 * time.Hour).Milliseconds(), w.began.Add(7*24*time.Hour).UnixMilli()
	return []table{
		{"account", []string{"id", "username", "username_key", "name", "email", "locked", "password_hash", "created", "version"},
			func(i int, u user) []any {
				name := username(i)
				return []any{u.account[:], name, []byte(name), "User of the bench", name + "@example.com", int64(0), w.hash, now, int64(1)}
			}},
		{"session", []string{"id", "cookie_hash", "account_id", "auth_time", "amr", "acr", "last_used", "idle_ms", "expires", "created", "ends"},
			func(_ int, u user) []any {
				return []any{u.session[:], web.HashSecret(u.cookie), u.account[:], now, oauth.AMRPassword, oauth.ACRPassword, now, idle, expires, now, now + idle}
			}},
		{"delegation", []string{"session_id", "client_id", "id", "account_id", "scope", "created"},
			func(_ int, u user) []any {
				return []any{u.session[:], appClient, u.delegation[:], u.account[:], "openid profile read", now}
			}},
	}
}

func (w *world) fillSQLite() (err error) {
	conn, err := sqlite.OpenConn(strings.TrimPrefix(w.database, "sqlite:"), sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := sqliteExec(conn, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, t := range w.tables() {
		places := strings.Repeat(", ?", len(t.columns))[2:]
		insert := "INSERT INTO " + t.name + " (" + strings.Join(t.columns, ", ") + ") VALUES (" + places + ")"
		for i, u := range w.users {
			if err := sqliteExec(conn, insert, t.row(i, u)...); err != nil {
				return fmt.Errorf("fill %s: %w", t.name, err)
			}
		}
	}
	return sqliteExec(conn, "COMMIT")
}

func (w *world) fillPostgres(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, w.database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, t := range w.tables() {
		rows := pgx.CopyFromSlice(len(w.users), func(i int) ([]any, error) { return t.row(i, w.users[i]), nil })
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, rows); err != nil {
			return fmt.Errorf("fill %s: %w", t.name, err)
		}
	}
	// So that the planner knows what is in the tables from the first request on, as on a database that has lived.
	// The empty ones are left alone: to know that a table is empty makes for plans that are wrong when it fills.
	_, err = conn.Exec(ctx, "VACUUM ANALYZE account, session, delegation")
	return err
}
