package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// smallDisk puts the database onto a file system of its own.
func smallDisk(t *trial) error {
	t.disk = filepath.Join(t.dir, "disk")
	if err := os.MkdirAll(t.disk, 0o700); err != nil {
		return err
	}
	if err := mountMemory(t.disk, "size=64m,mode=0700"); err != nil {
		return fmt.Errorf("a small file system could not be mounted (this row needs root): %w", err)
	}
	t.onEnd(func() { unmount(t.disk) })
	var err error
	t.database, t.secrets, err = t.lab.sqliteCopy(t.disk)
	return err
}

// fillDisk leaves not one byte free, for a while.
func fillDisk(t *trial) error {
	t.excuseAll(whileAway)
	file := filepath.Join(t.disk, "ballast")
	ballast, err := os.Create(file)
	if err != nil {
		return err
	}
	defer ballast.Close()
	chunk := make([]byte, 4096)
	for began := time.Now(); time.Since(began) < t.fault; {
		_, err := ballast.Write(chunk)
		if errors.Is(err, syscall.ENOSPC) {
			time.Sleep(20 * time.Millisecond) // what the database frees is taken, too
		} else if err != nil {
			return err
		}
	}
	err = os.Remove(file)
	ballast.Close()
	t.over()
	return err
}

// readLong holds a reading transaction and meanwhile lets the write-ahead log grow far beyond the size
// at which it is usually taken over into the database file.
func readLong(t *trial) error {
	reader, err := openSQLite(t)
	if err != nil {
		return err
	}
	defer reader.Close()
	began := time.Now()
	err = sqlitex.ExecuteTransient(reader, "BEGIN", nil)
	if err == nil {
		err = sqlitex.ExecuteTransient(reader, "SELECT count(*) FROM audit", nil)
	}
	if err == nil {
		err = growLog(t)
	}
	if err != nil {
		return err
	}
	time.Sleep(time.Until(began.Add(t.fault)))
	err = sqlitex.ExecuteTransient(reader, "ROLLBACK", nil)
	t.over()
	return err
}

func openSQLite(t *trial) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(t.database[len("sqlite:"):], sqlite.OpenReadWrite)
	if err == nil {
		conn.SetBusyTimeout(5 * time.Second)
	}
	return conn, err
}

// growLog writes 80 MB in small transactions, which leave the writer of the node its turns.
func growLog(t *trial) error {
	conn, err := openSQLite(t)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = sqlitex.ExecuteScript(conn, "PRAGMA wal_autocheckpoint = 0; CREATE TABLE faults_ballast (content BLOB)", nil)
	for range 80 {
		if err == nil {
			err = sqlitex.ExecuteTransient(conn, "INSERT INTO faults_ballast VALUES (zeroblob(1000000))", nil)
		}
		time.Sleep(2 * time.Millisecond)
	}
	if err == nil {
		err = sqlitex.ExecuteTransient(conn, "DROP TABLE faults_ballast", nil)
	}
	return err
}

// readSQLite reads one text.
func readSQLite(t *trial, query string) (text string, err error) {
	conn, err := openSQLite(t)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	err = sqlitex.ExecuteTransient(conn, query, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		text = s.ColumnText(0)
		return nil
	}})
	return text, err
}
