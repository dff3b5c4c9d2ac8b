package sqlstore

import (
	"log/slog"
	"os"
	"time"

	"zombiezen.com/go/sqlite"
)

// sqliteCheckpointer copies the write-ahead log back into the database and has it begin anew. It does so
// beside the writer, which waits only for the last few pages, and it waits for no reader.
type sqliteCheckpointer struct {
	conn   *sqlite.Conn
	writer *sqliteWriter
	path   string
	log    *slog.Logger
	wake   chan struct{}
	stop   chan struct{}
	done   chan struct{}
	warned sometimes
}

const (
	// checkpointRows is how many changed rows wake the checkpointer. A row changes about five pages, so it
	// forces about 2 MB to disk at a time: commits that wait for the same disk wait behind no more.
	checkpointRows = 100
	// restartPages is how long the log becomes, in pages, before it begins again (20 MB).
	restartPages = 5000
	// checkpointRounds bounds the rounds beside the writer; each one leaves less for the next.
	checkpointRounds = 4
	// lastPages is what may be left to copy while the writer waits. More than blockedPages are left only
	// where a reader needs the old state.
	lastPages    = 256
	blockedPages = 2000
	// restartWait is how long the writer waits, in all, for the reads under way to end.
	restartWait = 10 * time.Millisecond
	// checkpointRetry is the pause where a reader or an error was in the way.
	checkpointRetry = time.Second
	// logLimit is the size beyond which the log's file is truncated, and its growth announced.
	logLimit = 64 << 20
)

func startSQLiteCheckpointer(conn *sqlite.Conn, w *sqliteWriter) *sqliteCheckpointer {
	c := &sqliteCheckpointer{
		conn: conn, writer: w, path: w.path, log: w.log,
		wake: w.grown, stop: make(chan struct{}), done: make(chan struct{}),
	}
	conn.SetBusyTimeout(restartWait)
	go c.loop()
	return c
}

func (c *sqliteCheckpointer) close() error {
	close(c.stop)
	<-c.done
	return c.conn.Close()
}

func (c *sqliteCheckpointer) loop() {
	defer close(c.done)
	for {
		// A process that was killed leaves a log, so the first look is at the start.
		var retry <-chan time.Time
		wake := c.wake
		if !c.checkpoint() {
			retry, wake = time.After(checkpointRetry), nil
		}
		select {
		case <-c.stop:
			return
		case <-wake:
		case <-retry:
		}
	}
}

// checkpoint copies the log and, where it is long, begins it again. It returns false where a reader or an error
// was in the way.
func (c *sqliteCheckpointer) checkpoint() bool {
	copied := 0
	for range checkpointRounds {
		p, err := c.run("PASSIVE")
		if err != nil {
			c.warn("copying SQLite's write-ahead log into the database failed", "error", err)
			return false
		}
		if p.pages-p.copied > blockedPages {
			if size := c.size(); size > logLimit {
				c.warn("a long read keeps SQLite's write-ahead log from being emptied; it grows until that read ends",
					"bytes", size)
			}
			return false
		}
		if p.pages < restartPages {
			return true
		}
		few := p.pages-copied <= lastPages
		if copied = p.copied; few {
			break
		}
	}
	return c.restart()
}

// restart copies what is left while the writer waits, so that the next commit begins at the log's start.
func (c *sqliteCheckpointer) restart() bool {
	mode := "RESTART"
	if c.size() > logLimit {
		mode = "TRUNCATE"
	}
	c.writer.turn.Lock()
	defer c.writer.turn.Unlock()
	p, err := c.run(mode)
	if err != nil {
		c.warn("emptying SQLite's write-ahead log failed", "error", err)
	}
	return err == nil && !p.busy
}

func (c *sqliteCheckpointer) size() int64 {
	info, err := os.Stat(c.path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

func (c *sqliteCheckpointer) warn(text string, args ...any) {
	if c.warned.due() {
		c.log.Warn(text, args...)
	}
}

// progress is what a checkpoint came to: the pages in the log and those of them that are in the database.
type progress struct {
	busy          bool
	pages, copied int
}

func (c *sqliteCheckpointer) run(mode string) (p progress, err error) {
	stmt, _, err := c.conn.PrepareTransient("PRAGMA wal_checkpoint(" + mode + ")")
	if err != nil {
		return p, err
	}
	defer stmt.Finalize()
	if _, err := stmt.Step(); err != nil {
		return p, err
	}
	return progress{stmt.ColumnInt(0) != 0, stmt.ColumnInt(1), stmt.ColumnInt(2)}, nil
}

// sometimes limits how often something is logged: once a minute.
type sometimes struct{ next time.Time }

func (s *sometimes) due() bool {
	now := time.Now()
	if now.Before(s.next) {
		return false
	}
	s.next = now.Add(time.Minute)
	return true
}
