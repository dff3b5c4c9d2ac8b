package sqlstore

import (
	"errors"
	"fmt"
	"os"
	"time"

	"zombiezen.com/go/sqlite"
)

// createPrivate makes an empty database that only its owner can read, unless the file is there already.
// The operating system's reasons are clearer than what SQLite would make of them.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		return f.Close()
	}
	return explainFile(err, path)
}

// whileBusy repeats what SQLite refuses at once while another connection is in the middle of something:
// not every step of opening waits for busyTimeout by itself.
func whileBusy(do func() error) error {
	limit := time.After(busyTimeout)
	for {
		err := do()
		if sqlite.ErrCode(err).ToPrimary() != sqlite.ResultBusy {
			return err
		}
		select {
		case <-limit:
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// explainSQLite says what an operator can do about an error while opening.
func explainSQLite(err error) error {
	var newer *newerSchemaError
	if errors.As(err, &newer) {
		return err
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultNotADB, sqlite.ResultCorrupt:
		return fmt.Errorf("the file is damaged or is not an SQLite database: restore it from a backup, or move it away to start anew (%w)", err)
	case sqlite.ResultReadOnly, sqlite.ResultCantOpen, sqlite.ResultPerm:
		return fmt.Errorf("the file or its folder cannot be written: make both writable for this user (%w)", err)
	case sqlite.ResultFull:
		return fmt.Errorf("the disk is full: make room (%w)", err)
	case sqlite.ResultBusy, sqlite.ResultLocked:
		return fmt.Errorf("another process keeps it locked: stop that process or try again (%w)", err)
	}
	return err
}
