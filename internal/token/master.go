package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Master is the key that every stored key is wrapped under. It lives outside of the store and never
// in a log: whatever prints it prints a placeholder, only Encode tells it.
type Master [32]byte

// ErrMaster says that stored keys were wrapped under another master key, or were tampered with.
var ErrMaster = errors.New("the master key does not open the stored keys: provide the one this database was set up with, or replace every key with \"usher keys reset\"")

const redacted = "[master key]"

// NewMaster makes a master key.
func NewMaster(rand io.Reader) (Master, error) {
	var m Master
	if _, err := io.ReadFull(rand, m[:]); err != nil {
		return Master{}, fmt.Errorf("make a master key: %w", err)
	}
	return m, nil
}

// ParseMaster reads what Encode wrote; white space around it does not matter, and base64 with or
// without padding, in either alphabet, is accepted since operators make keys with other tools too.
func ParseMaster(text string) (Master, error) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	text = strings.NewReplacer("+", "-", "/", "_").Replace(text)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return Master{}, errors.New("the master key is not base64 text: make one with \"openssl rand -base64 32\"")
	}
	if len(raw) != len(Master{}) {
		return Master{}, fmt.Errorf("the master key has %d bytes instead of 32: make one with \"openssl rand -base64 32\"", len(raw))
	}
	m := Master(raw)
	if m == (Master{}) {
		return Master{}, errors.New("the master key is all zero: make one with \"openssl rand -base64 32\"")
	}
	return m, nil
}

// Encode returns the secret as base64 text, for the key file.
func (m Master) Encode() string { return base64.RawURLEncoding.EncodeToString(m[:]) }

// String, Format, LogValue and MarshalText keep the secret out of logs and dumps.
func (m Master) String() string { return redacted }

// Format implements fmt.Formatter, for the verbs that pass String by.
func (m Master) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (m Master) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler.
func (m Master) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Derive returns a secret for one purpose outside of this package, such as the keyed hash of the
// throttling buckets. It stays the same when the stored keys rotate.
func (m Master) Derive(purpose string) ([]byte, error) {
	return derive(m[:], "usher purpose v1 "+purpose)
}

func derive(secret []byte, info string) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, info, 32)
}
