package sqlstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// childVariable makes the test binary one of the processes that the tests need: "what url".
const childVariable = "USHER_SQLSTORE_CHILD"

// startable prepares a child process; its output is the caller's to read.
func startable(what, url string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+what+" "+url)
	return cmd
}

func child() int {
	what, url, _ := strings.Cut(os.Getenv(childVariable), " ")
	s, err := Open(context.Background(), Options{URL: url})
	if err == nil {
		switch what {
		case "open":
			err = s.Close()
		case "write":
			err = writeForever(s)
		case "apply":
			err = applyForever(s)
		case "limited":
			err = writeLimited(s)
		case "backup":
			path := strings.TrimPrefix(url, "sqlite:")
			_, err = Backup(context.Background(), BackupOptions{Database: path, File: path + ".copy"})
		case "unsynced":
			err = writeUnsynced(s)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func newID() (id oauth.ID) {
	rand.Read(id[:])
	return id
}

// someSession returns a stored account's session that is not stored yet, and a stored client.
func someSession(ctx context.Context, s *Store) (oauth.Session, oauth.Client, error) {
	now := time.Now()
	c := oauth.Client{ID: newID().String()}
	acc := oauth.Account{ID: newID(), Username: newID().String(), Created: now}
	if err := s.PutClient(ctx, c, 0, store.Audit{}); err != nil {
		return oauth.Session{}, c, err
	}
	return oauth.Session{
		ID: newID(), CookieHash: []byte(newID().String()), AccountID: acc.ID, AuthTime: now, LastUsed: now,
		IdleTimeout: time.Hour, Expires: now.Add(time.Hour), Created: now,
	}, c, s.CreateAccount(ctx, acc, store.Audit{})
}

// writeForever signs in, delegates and revokes from many goroutines, and prints what was acknowledged: the
// session, its delegation, a token of it that was revoked.
func writeForever(s *Store) error {
	ctx := context.Background()
	session, client, err := someSession(ctx, s)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for {
				ss := session
				ss.ID, ss.CookieHash = newID(), nil
				if err := s.StartSession(ctx, 1, ss, nil, nil, store.Audit{Event: store.EventSignIn}); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				// One write call a line: the pipe keeps it whole.
				fmt.Printf("session %s\n", ss.ID)
				d, err := s.Delegate(ctx, oauth.Delegation{ID: newID(), SessionID: ss.ID, ClientID: client.ID}, ss.Created, store.Audit{})
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				fmt.Printf("delegation %s\n", d.ID)
				token := newID()
				if err := s.RevokeToken(ctx, token, ss.Expires, store.Audit{Event: store.EventTokenRevoked}); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				fmt.Printf("revocation %s %s\n", d.ID, token)
			}
		})
	}
	all.Wait()
	return fmt.Errorf("writing came to an end")
}

// processes starts n children that do the same at once and reports those that failed.
func processes(t *testing.T, n int, what, url string) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		cmd := startable(what, url)
		all.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
}
