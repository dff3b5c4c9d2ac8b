package authn

import (
	"crypto/rand"
	"crypto/subtle"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// HashPassword returns the argon2id hash of a password in the PHC string format, with a fresh salt.
// A server uses Hasher.Hash, which bounds how many are computed at once.
func HashPassword(password string) (string, error) {
	p := phc{Params: DefaultParams, salt: make([]byte, saltSize)}
	if _, err := rand.Read(p.salt); err != nil {
		return "", err
	}
	p.hash = p.compute(password, hashSize)
	return p.String(), nil
}

// VerifyPassword tells in constant time whether the password is the one that was hashed. Where it is
// and the hash was made with other parameters than today's, needsRehash is true: hash it again and
// store that.
func VerifyPassword(hash, password string) (ok, needsRehash bool, err error) {
	p, err := parsePHC(hash)
	if err != nil {
		return false, false, err
	}
	ok = p.verify(password)
	return ok, ok && (p.Params != DefaultParams || len(p.salt) != saltSize || len(p.hash) != hashSize), nil
}

func (p phc) verify(password string) bool {
	// What is too long was never hashed. It costs the same work, so that the answer takes as long.
	tooLong := len(password) > MaxPasswordBytes
	if tooLong {
		password = password[:MaxPasswordBytes]
	}
	same := subtle.ConstantTimeCompare(p.compute(password, len(p.hash)), p.hash) == 1
	return same && !tooLong
}

func (p phc) compute(password string, size int) []byte {
	return argon2.IDKey([]byte(normalizePassword(password)), p.salt, p.Time, p.Memory, p.Threads, uint32(size))
}

// normalizePassword makes the same password of the same keys on every system (NIST SP 800-63B-4
// §3.1.1.2, UAX #15): composed characters in one form.
func normalizePassword(password string) string { return norm.NFC.String(password) }

// absent stands in where there is no hash to compare with; nothing is known to hash to zeros.
var absent = phc{Params: DefaultParams, salt: make([]byte, saltSize), hash: make([]byte, hashSize)}
