package token

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
)

func TestClientSecretsOpenForTheirOwnerUnderTheirMasterAlone(t *testing.T) {
	m, err := NewMaster(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := m.WrapSecret(rand.Reader, "shop", "s3cret")
	if err != nil || bytes.Contains(wrapped, []byte("s3cret")) {
		t.Fatalf("wrapped %q, %v", wrapped, err)
	}
	if got, err := m.OpenSecret("shop", wrapped); err != nil || got != "s3cret" {
		t.Errorf("opened %q, %v", got, err)
	}
	other := m
	other[0] ^= 1
	changed := bytes.Clone(wrapped)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() (string, error){
		"another owner":  func() (string, error) { return m.OpenSecret("other", wrapped) },
		"another master": func() (string, error) { return other.OpenSecret("shop", wrapped) },
		"changed":        func() (string, error) { return m.OpenSecret("shop", changed) },
		"cut short":      func() (string, error) { return m.OpenSecret("shop", wrapped[:5]) },
		"nothing":        func() (string, error) { return m.OpenSecret("shop", nil) },
	} {
		if got, err := open(); !errors.Is(err, ErrMaster) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
