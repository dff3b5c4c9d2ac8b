package main

import (
	"testing"
	"time"
)

// TestBackupBench runs the bench in small: both go on at once, and there is something to tell.
func TestBackupBench(t *testing.T) {
	b := &backupBench{rate: 50, runs: 1, size: 5_000_000, length: time.Second, folder: t.TempDir()}
	var err error
	if b.binary, err = build(t.Context(), b.folder); err != nil {
		t.Fatal(err)
	}
	runs, err := b.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r := runs[0]; len(runs) != 1 || r.idle <= 0 || r.busy <= 0 || r.alone <= 0 || r.beside <= 0 {
		t.Errorf("measured %+v", runs)
	}
}
