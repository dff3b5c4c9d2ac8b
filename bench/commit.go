package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
)

// What revocation is compared with: whoever waits at the same moment is committed together, each in a savepoint,
// with the rows that usher writes (the revocation entry and its audit record) and nothing around it.

// revocation is the content of both rows.
type revocation struct {
	token, audit, account [16]byte
	now, expires          int64
	detail                string
}

func newRevocation() revocation {
	now := time.Now()
	r := revocation{now: now.UnixMilli(), expires: now.Add(time.Hour).UnixMilli()}
	rand.Read(r.token[:])
	rand.Read(r.account[:])
	rand.Read(r.audit[6:])
	var stamp [8]byte
	binary.BigEndian.PutUint64(stamp[:], uint64(r.now))
	copy(r.audit[:6], stamp[2:])
	r.detail = base64.RawURLEncoding.EncodeToString(r.token[:])
	return r
}

const (
	insertRevocation = `INSERT INTO revocation (token_id, expires) VALUES ($1, $2) ON CONFLICT (token_id) DO NOTHING`
	insertAudit      = `INSERT INTO audit (id, happened, event, actor, account_id, client_id, session_id, address, detail, times)
		VALUES ($1, $2, 'token_revoked', 'user', $3, '` + appClient + `', NULL, '127.0.0.1', $4, 1)`
)

// waiting is a revocation and whoever waits for it.
type waiting struct {
	revocation
	done chan error
}

// batchMost bounds how many share a commit.
const batchMost = 256

// startCommitter opens the database and returns a function that returns when its revocation is on disk.
func startCommitter(database string) (func(revocation) error, error) {
	open := openSQLiteBatch
	if !strings.HasPrefix(database, "sqlite:") {
		open = openPostgresBatch
	}
	commit, err := open(database)
	if err != nil {
		return nil, err
	}
	queue := make(chan waiting, batchMost)
	go func() {
		batch := make([]waiting, 0, batchMost)
		for first := range queue {
			batch = append(batch[:0], first)
			for len(batch) < batchMost && len(queue) > 0 {
				batch = append(batch, <-queue)
			}
			err := commit(batch)
			for _, w := range batch {
				w.done <- err
			}
		}
	}()
	return func(r revocation) error {
		w := waiting{r, make(chan error, 1)}
		queue <- w
		return <-w.done
	}, nil
}

func openSQLiteBatch(database string) (func([]waiting) error, error) {
	conn, err := sqlite.OpenConn(strings.TrimPrefix(database, "sqlite:"), sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	for _, pragma := range []string{"journal_mode = WAL", "synchronous = FULL", "mmap_size = 268435456", "temp_store = MEMORY"} {
		stmt, _, err := conn.PrepareTransient("PRAGMA " + pragma)
		if err != nil {
			return nil, err
		}
		_, err = stmt.Step()
		if err = errors.Join(err, stmt.Finalize()); err != nil {
			return nil, err
		}
	}
	return func(batch []waiting) error {
		err := sqliteExec(conn, "BEGIN IMMEDIATE")
		for _, w := range batch {
			if err == nil {
				err = insertSQLite(conn, w)
			}
		}
		if err != nil {
			return errors.Join(err, sqliteExec(conn, "ROLLBACK"))
		}
		return sqliteExec(conn, "COMMIT")
	}, nil
}

func insertSQLite(conn *sqlite.Conn, w waiting) error {
	if err := sqliteExec(conn, "SAVEPOINT one"); err != nil {
		return err
	}
	if err := sqliteExec(conn, insertRevocation, w.token[:], w.expires); err != nil {
		return err
	}
	if err := sqliteExec(conn, insertAudit, w.audit[:], w.now, w.account[:], w.detail); err != nil {
		return err
	}
	return sqliteExec(conn, "RELEASE one")
}

// sqliteExec runs a statement that answers no rows; the connection keeps it prepared.
func sqliteExec(conn *sqlite.Conn, text string, args ...any) error {
	stmt, err := conn.Prepare(text)
	if err != nil {
		return err
	}
	for i, arg := range args {
		switch v := arg.(type) {
		case []byte:
			stmt.BindBytes(i+1, v)
		case int64:
			stmt.BindInt64(i+1, v)
		case string:
			stmt.BindText(i+1, v)
		default:
			return fmt.Errorf("argument %d is a %T", i+1, arg)
		}
	}
	_, err = stmt.Step()
	return errors.Join(err, stmt.Reset())
}

func openPostgresBatch(database string) (func([]waiting) error, error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return nil, err
	}
	return func(all []waiting) error {
		var b pgx.Batch
		b.Queue("BEGIN")
		for _, w := range all {
			b.Queue("SAVEPOINT one")
			b.Queue(insertRevocation, w.token[:], w.expires)
			b.Queue(insertAudit, w.audit[:], w.now, w.account[:], w.detail)
			b.Queue("RELEASE one")
		}
		b.Queue("COMMIT")
		return conn.SendBatch(ctx, &b).Close()
	}, nil
}
