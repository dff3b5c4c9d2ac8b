package sqlstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// appliedClients is how many clients the file of TestKilledApply has: enough that a kill finds an Apply under way.
const appliedClients = 300

// applyForever applies files, each of which raises the version of the profile and of every client by one, and prints
// the version that was acknowledged.
func applyForever(s *Store) error {
	ctx := context.Background()
	if err := s.Bootstrap(ctx, oauth.DefaultProfile(), nil); err != nil {
		return err
	}
	settings, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	for p := settings.Profile; ; p.Version++ {
		version := p.Version
		file := store.Changeset{
			Profile: &store.ProfileChange{Profile: p, Was: version},
			Audit:   store.Audit{Event: store.EventApplied},
		}
		for i := range appliedClients {
			c := oauth.Client{ID: fmt.Sprintf("client-%d", i), Name: fmt.Sprintf("number %d", version)}
			change := &store.Change{Kind: store.KindClient, Subject: c.ID}
			file.Clients = append(file.Clients, store.ClientChange{
				Client: c, Was: version - 1, Audit: store.Audit{Event: store.EventClientChanged, Change: change},
			})
		}
		if err := s.Apply(ctx, file); err != nil {
			return err
		}
		fmt.Println(version)
	}
}

// TestKilledApply kills a process that applies files, again and again. Whatever was under way, all clients and the
// profile are of the same file, of the last one that was acknowledged or of the one after it, and so is the history.
func TestKilledApply(t *testing.T) {
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": postgresURL(t)} {
		t.Run(name, func(t *testing.T) {
			for range 5 {
				lines := killAfter(t, "apply", url, 1+rand.IntN(6))
				acknowledged, err := strconv.ParseInt(lines[len(lines)-1], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				checkApplied(t, url, acknowledged)
			}
		})
	}
}

func checkApplied(t *testing.T, url string, acknowledged int64) {
	t.Helper()
	s := openURL(t, url)
	snapshot, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	version := snapshot.Profile.Version - 1
	if version != acknowledged && version != acknowledged+1 {
		t.Errorf("the profile is of file %d, acknowledged was %d", version, acknowledged)
	}
	if len(snapshot.Clients) != appliedClients {
		t.Errorf("%d clients, want %d", len(snapshot.Clients), appliedClients)
	}
	for _, c := range snapshot.Clients {
		if c.Version != version || c.Name != fmt.Sprintf("number %d", version) {
			t.Fatalf("client %s (%s) has version %d, the profile is of file %d", c.ID, c.Name, c.Version, version)
		}
	}
	changes, err := s.Changes(t.Context(), store.ChangeFilter{}, oauth.ID{}, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	if want := int(version) * appliedClients; len(changes) != want {
		t.Errorf("%d changes are recorded, want %d", len(changes), want)
	}
}
