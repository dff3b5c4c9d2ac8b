package token

import (
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	secretPurpose = "client secret wrapping v1"
	maxSecret     = 1 << 10
)

// WrapSecret encrypts a client's secret under a key derived from the master key, for clients that authenticate by a
// MAC over it (client_secret_jwt). The owner's id is authenticated, so nobody who writes to the database can give one
// client the secret of another.
func (m Master) WrapSecret(rand io.Reader, owner, secret string) ([]byte, error) {
	kek, err := m.Derive(secretPurpose)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(secret)+aead.Overhead())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fmt.Errorf("wrap a secret: %w", err)
	}
	return aead.Seal(nonce, nonce, []byte(secret), secretData(owner)), nil
}

// OpenSecret is the reverse of WrapSecret; the error is ErrMaster where it was wrapped under another master key, or for
// another owner.
func (m Master) OpenSecret(owner string, wrapped []byte) (string, error) {
	kek, err := m.Derive(secretPurpose)
	if err != nil {
		return "", err
	}
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return "", err
	}
	if len(wrapped) < aead.NonceSize() || len(wrapped) > maxSecret {
		return "", fmt.Errorf("secret of client %s: %w", owner, ErrMaster)
	}
	secret, err := aead.Open(nil, wrapped[:aead.NonceSize()], wrapped[aead.NonceSize():], secretData(owner))
	if err != nil {
		return "", fmt.Errorf("secret of client %s: %w", owner, ErrMaster)
	}
	return string(secret), nil
}

func secretData(owner string) []byte { return lengthPrefixed("usher wrapped client secret v1", owner) }
