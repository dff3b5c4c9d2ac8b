package sqlstore

import (
	"bufio"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store/storetest"
)

// TestKilled kills a process that writes under load, again and again, and looks for everything that it had
// acknowledged.
func TestKilled(t *testing.T) {
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": storetest.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			var acknowledged []string
			for range 5 {
				acknowledged = append(acknowledged, killAfter(t, "write", url, 50+rand.IntN(500))...)
			}
			s := openURL(t, url)
			for _, line := range acknowledged {
				checkAcknowledged(t, s, line)
			}
			if name == "sqlite" {
				integrity(t, s)
			}
			t.Logf("%d acknowledged writes survived", len(acknowledged))
		})
	}
}

// killAfter returns what the child acknowledged; it is killed after so many lines.
func killAfter(t *testing.T, what, url string, lines int) (acknowledged []string) {
	t.Helper()
	cmd := startable(what, url)
	errors := &strings.Builder{}
	cmd.Stderr = errors
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		acknowledged = append(acknowledged, scanner.Text())
		if len(acknowledged) == lines {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if len(acknowledged) < lines {
		t.Fatalf("the child ended by itself after %d lines: %s", len(acknowledged), errors)
	}
	return acknowledged
}

func checkAcknowledged(t *testing.T, s *Store, line string) {
	t.Helper()
	words := strings.Fields(line)
	var ids []oauth.ID
	for _, word := range words[1:] {
		id, err := oauth.ParseID(word)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	var err error
	switch words[0] {
	case "session":
		_, err = s.StandingOf(t.Context(), ids[0], "")
	case "delegation":
		_, err = s.TokenStanding(t.Context(), oauth.AccessToken{ID: newID(), DelegationID: ids[0]})
	case "revocation":
		standing, e := s.TokenStanding(t.Context(), oauth.AccessToken{ID: ids[1], DelegationID: ids[0]})
		if err = e; e == nil && !standing.Revoked {
			t.Errorf("lost: %s", line)
		}
	}
	if err != nil {
		t.Errorf("lost: %s: %v", line, err)
	}
}

func integrity(t *testing.T, s *Store) {
	t.Helper()
	conn := <-s.db.(*sqliteEngine).readers
	defer func() { s.db.(*sqliteEngine).readers <- conn }()
	if answer, err := sqlitePragma(conn, "integrity_check"); err != nil || answer != "ok" {
		t.Errorf("integrity check: %s, %v", answer, err)
	}
}
