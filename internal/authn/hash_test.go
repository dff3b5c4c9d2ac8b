package authn

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
)

// weak hashes quickly, for tests of everything but the cost.
func weak(t testing.TB, password string) string {
	t.Helper()
	p := phc{Params: Params{Memory: 64, Time: 1, Threads: 1}, salt: make([]byte, saltSize)}
	p.hash = p.compute(password, hashSize)
	return p.String()
}

func TestHashPassword(t *testing.T) {
	hash, err := HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("got %s", hash)
	}
	if ok, rehash, err := VerifyPassword(hash, "correct horse"); !ok || rehash || err != nil {
		t.Errorf("got %v %v %v", ok, rehash, err)
	}
	if ok, rehash, err := VerifyPassword(hash, "correct horsf"); ok || rehash || err != nil {
		t.Errorf("got %v %v %v", ok, rehash, err)
	}
	if again, err := HashPassword("correct horse"); err != nil || again == hash {
		t.Errorf("hashed twice alike: %v", err)
	}
}

func TestVerifyPassword(t *testing.T) {
	// As another implementation writes it: other salt and hash lengths, other parameters.
	salt := []byte("somesalt")
	foreign := phc{Params{Memory: 256, Time: 3, Threads: 4}, salt, argon2.IDKey([]byte("password"), salt, 3, 256, 4, 24)}.String()
	long := strings.Repeat("x", MaxPasswordBytes)
	tests := map[string]struct {
		hash, password string
		ok, rehash     bool
	}{
		"foreign":              {foreign, "password", true, true},
		"foreign, wrong":       {foreign, "Password", false, false},
		"empty password":       {weak(t, "p"), "", false, false},
		"composed, decomposed": {weak(t, "caf\u00e9 cr\u00e8me"), "cafe\u0301 cre\u0300me", true, true},
		"the longest":          {weak(t, long), long, true, true},
		"too long":             {weak(t, long), long + "x", false, false},
		"case counts":          {weak(t, "Password"), "password", false, false},
		"space counts":         {weak(t, "password"), "password ", false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ok, rehash, err := VerifyPassword(test.hash, test.password)
			if ok != test.ok || rehash != test.rehash || err != nil {
				t.Errorf("got %v %v %v", ok, rehash, err)
			}
		})
	}
}

// The test vector of RFC 9106 §5.3 needs a secret and associated data, which passwords have not;
// this one is from the reference implementation (m=256 KiB, t=2, p=1).
func TestKnownHash(t *testing.T) {
	const hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if ok, _, err := VerifyPassword(hash, "password"); !ok || err != nil {
		t.Errorf("got %v %v", ok, err)
	}
}

func TestParsePHCRefuses(t *testing.T) {
	const salt, hash = "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	with := func(params string) string { return "$argon2id$v=19$" + params + "$" + salt + "$" + hash }
	if _, err := parsePHC(with("m=19456,t=2,p=1")); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"empty":           "",
		"bcrypt":          "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"argon2i":         "$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + hash,
		"old version":     "$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + hash,
		"no version":      "$argon2id$m=19456,t=2,p=1$" + salt + "$" + hash,
		"absurd memory":   with("m=4294967295,t=2,p=1"),
		"absurd time":     with("m=19456,t=4294967295,p=1"),
		"absurd threads":  with("m=19456,t=2,p=255"),
		"overflow":        with("m=18446744073709551617,t=2,p=1"),
		"no memory":       with("m=0,t=2,p=1"),
		"no time":         with("m=19456,t=0,p=1"),
		"no threads":      with("m=19456,t=2,p=0"),
		"too many lanes":  with("m=8,t=2,p=2"),
		"negative":        with("m=-19456,t=2,p=1"),
		"plus":            with("m=+19456,t=2,p=1"),
		"leading zero":    with("m=019456,t=2,p=1"),
		"order":           with("t=2,m=19456,p=1"),
		"one more":        with("m=19456,t=2,p=1,keyid=1"),
		"short salt":      "$argon2id$v=19$m=19456,t=2,p=1$AAAA$" + hash,
		"short hash":      "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$AAAA",
		"long hash":       "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + strings.Repeat("A", 92),
		"no base64":       "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$!" + hash[1:],
		"line end":        "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "\n$" + hash,
		"something added": with("m=19456,t=2,p=1") + "$",
		"endless":         strings.Repeat("$", 1<<20),
	}
	for name, s := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := parsePHC(s); !errors.Is(err, errPHC) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add("")
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err != nil {
			return
		}
		if p.String() != s {
			t.Errorf("%q is written as %q", s, p)
		}
		if p.Memory > maxMemory || p.Time > maxTime || p.Threads > maxThreads || p.Threads < 1 || p.Time < 1 {
			t.Errorf("%q has no bounds", s)
		}
		if p.Memory <= 256 { // what the parser lets through, the hash function takes
			p.verify("password")
		}
	})
}

func BenchmarkVerifyPassword(b *testing.B) {
	hash, err := HashPassword("correct horse")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ok, _, err := VerifyPassword(hash, "correct horse"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func ExampleCheckNewPassword() {
	fmt.Println(CheckNewPassword("alice", "tr0ub4"))
	fmt.Println(CheckNewPassword("alice", "correct horse battery staple"))
	// Output:
	// the password is too short: use at least 8 characters; a few words in a row are good
	// <nil>
}
