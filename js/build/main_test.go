package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What is committed and embedded is what the sources make.
func TestDistIsUpToDate(t *testing.T) {
	files, err := bundle("..")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "dist", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("dist/%s is not what js/src makes; run: go generate ./js", name)
		}
	}
	found, err := os.ReadDir(filepath.Join("..", "dist"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(files) {
		t.Errorf("dist has %d files, want %d", len(found), len(files))
	}
}

func TestBudget(t *testing.T) {
	files, err := bundle("..")
	if err != nil {
		t.Fatal(err)
	}
	if size := gzipped(files["assisted-token.min.js"]); size > budget {
		t.Errorf("assisted-token.min.js is %d bytes gzipped, over its budget of %d", size, budget)
	}
}
