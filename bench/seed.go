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

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const (
	appClient = "bench-app"
	webClient = "bench-web"
	apiClient = "bench-api"
	appOrigin = "https://app.example.com"
	callback  = "https://app.example.com/callback"
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
	webSecret string
	users     []user
	hash      string // of the password that all have
	page      pageKey
	began     time.Time
}

// user is one signed-in user.
type user struct {
	account, session oauth.ID
	// app and web are the delegations of the two clients.
	app, web oauth.ID
	cookie   string
}

func username(i int) string { return fmt.Sprintf("user-%06d", i) }

// seed fills an empty database: the configuration the way an operator does, users and sessions in bulk.
func seed(ctx context.Context, database, baseURL string, accounts int) (*world, error) {
	w := &world{database: database, users: make([]user, accounts), began: time.Now()}
	var err error
	if w.master, err = token.NewMaster(rand.Reader); err != nil {
		return nil, err
	}
	if w.hash, err = authn.HashPassword(password); err != nil {
		return nil, err
	}
	if w.page, err = newPageKey(); err != nil {
		return nil, err
	}
	for i := range w.users {
		w.users[i] = newUser()
	}
	s, err := sqlstore.Open(ctx, sqlstore.Options{URL: database, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	err = w.configure(ctx, s, baseURL)
	if err == nil {
		err = w.fill(ctx, s)
	}
	if err = errors.Join(err, s.Close()); err != nil || strings.HasPrefix(database, "sqlite:") {
		return w, err
	}
	return w, analyze(ctx, database)
}

func newUser() user {
	var u user
	var secret [32]byte
	for _, b := range [][]byte{u.account[:], u.session[:], u.app[:], u.web[:], secret[:]} {
		rand.Read(b)
	}
	u.cookie = base64.RawURLEncoding.EncodeToString(secret[:])
	return u
}

// configure makes profile, keys and the clients: an app in the browser, a web app on a server, an API that introspects.
func (w *world) configure(ctx context.Context, s *sqlstore.Store, baseURL string) error {
	m := &manage.Manager{Store: s, Master: w.master, Now: time.Now, Rand: rand.Reader, Actor: "cli:bench"}
	if err := m.Bootstrap(ctx); err != nil {
		return err
	}
	err := m.CreatePublicClient(ctx, oauth.Client{
		ID: appClient, Name: "Bench", Capabilities: []oauth.Capability{oauth.CapAssistedToken, oauth.CapCode, oauth.CapRefresh},
		RedirectURIs:   []string{callback},
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
	w.webSecret, err = m.CreateConfidentialClient(ctx, oauth.Client{
		ID: webClient, Name: "Bench web app", RedirectURIs: []string{callback}, Scope: []string{"openid", "profile", "read"},
		Capabilities: []oauth.Capability{oauth.CapCode, oauth.CapRefresh, oauth.CapClientCredentials},
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
		DelegationID: u.app, ClientID: appClient, Subject: u.account.String(), Scope: []string{"read"},
		Issued: w.began, Expires: w.began.Add(tokenLifetime),
	}
	rand.Read(t.ID[:])
	return w.ring.SealAccess(t, time.Now())
}

// fill stores the users in bulk.
func (w *world) fill(ctx context.Context, s *sqlstore.Store) error {
	accounts := make([]oauth.Account, len(w.users))
	sessions := make([]oauth.Session, len(w.users))
	delegations := make([]oauth.Delegation, 0, 2*len(w.users))
	for i, u := range w.users {
		accounts[i] = oauth.Account{
			ID: u.account, Username: username(i), Name: "User of the bench", Email: username(i) + "@example.com",
			PasswordHash: w.hash, Created: w.began,
		}
		sessions[i] = oauth.Session{
			ID: u.session, CookieHash: web.HashSecret(u.cookie), AccountID: u.account, AuthTime: w.began,
			AMR: []string{oauth.AMRPassword}, ACR: oauth.ACRPassword, LastUsed: w.began,
			IdleTimeout: 8 * time.Hour, Expires: w.began.Add(7 * 24 * time.Hour), Created: w.began,
		}
		for client, id := range map[string]oauth.ID{appClient: u.app, webClient: u.web} {
			delegations = append(delegations, oauth.Delegation{
				ID: id, SessionID: u.session, ClientID: client, AccountID: u.account,
				Scope: []string{"openid", "profile", "read"}, Created: w.began,
			})
		}
	}
	return s.Fill(ctx, accounts, sessions, delegations)
}

// analyze tells PostgreSQL's planner what is in the tables, as on a database that has lived. The empty ones are left
// alone: to know that a table is empty makes for plans that are wrong when it fills.
func analyze(ctx context.Context, database string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "VACUUM ANALYZE account, session, delegation")
	return err
}
