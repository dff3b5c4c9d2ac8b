package sqlstore

import (
	"context"
	"fmt"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"zombiezen.com/go/sqlite"

	"github.com/usher-id/usher/internal/store"
)

// TestAcknowledgementNeedsSync: a killed process cannot show that data reached the disk, since the kernel
// keeps what was written. So a child has the kernel refuse fsync and fdatasync; from then on nothing may
// be acknowledged.
func TestAcknowledgementNeedsSync(t *testing.T) {
	out, err := startable("unsynced", sqliteURL(t)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := openURL(t, sqliteURL(t))
	if mode, err := s.Durability(t.Context()); err != nil || mode != "2" {
		t.Errorf("PRAGMA synchronous of the writer is %s (%v), want 2: FULL", mode, err)
	}
}

// writeUnsynced is the child.
func writeUnsynced(s *Store) error {
	ctx := context.Background()
	revoke := func() error {
		return s.RevokeToken(ctx, newID(), time.Now(), store.Audit{Event: store.EventTokenRevoked})
	}
	if err := revoke(); err != nil {
		return fmt.Errorf("before fsync is refused: %w", err)
	}
	if err := refuseSync(); err != nil {
		return fmt.Errorf("refusing fsync: %w", err)
	}
	if err := revoke(); sqlite.ErrCode(err).ToPrimary() != sqlite.ResultIOErr {
		return fmt.Errorf("a write without fsync was acknowledged, or failed in another way: %v", err)
	}
	// The same kernel still lets a writer through that does not ask for the disk, so it was the fsync.
	conn := s.db.(*sqliteEngine).writer.conn
	if _, err := sqlitePragma(conn, "synchronous = OFF"); err != nil {
		return err
	}
	if err := revoke(); err != nil {
		return fmt.Errorf("with synchronous=OFF: %w", err)
	}
	return nil
}

// refuseSync installs a seccomp filter for all threads: fsync and fdatasync fail with EIO.
func refuseSync() error {
	const systemCallNumber = 0 // its offset in struct seccomp_data
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: systemCallNumber},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_FSYNC, Jt: 2},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_FDATASYNC, Jt: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}
