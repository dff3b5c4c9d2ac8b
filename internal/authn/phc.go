package authn

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Params are the cost parameters of argon2id (RFC 9106 §3.1).
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8  // degree of parallelism
}

// DefaultParams cost 19 MiB and two passes for each hash.
var DefaultParams = Params{Memory: 19 << 10, Time: 2, Threads: 1}

const (
	saltSize = 16
	hashSize = 32
)

// Hashes may come from another system, with other parameters; but what is in the database must not
// make the server allocate or compute without bounds.
const (
	maxMemory  = 256 << 10 // KiB
	maxTime    = 10
	maxThreads = 16
	minSalt    = 8
	minHash    = 16
	maxField   = 64
	maxPHC     = 256
)

var errPHC = errors.New("the stored password hash is not argon2id in the PHC string format, or beyond its limits")

// phc is a parsed hash in the PHC string format: $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
type phc struct {
	Params
	salt, hash []byte
}

func (p phc) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, p.Memory, p.Time, p.Threads, encode(p.salt), encode(p.hash))
}

func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	if len(s) > maxPHC || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, errPHC
	}
	params, err := parseParams(parts[3])
	if err != nil {
		return phc{}, err
	}
	salt, errSalt := decodeField(parts[4], minSalt)
	hash, errHash := decodeField(parts[5], minHash)
	if errSalt != nil || errHash != nil {
		return phc{}, errPHC
	}
	return phc{params, salt, hash}, nil
}

func parseParams(s string) (Params, error) {
	fields := strings.Split(s, ",")
	if len(fields) != 3 {
		return Params{}, errPHC
	}
	var values [3]uint64
	for i, f := range []struct {
		name string
		most uint64
	}{{"m=", maxMemory}, {"t=", maxTime}, {"p=", maxThreads}} {
		digits, found := strings.CutPrefix(fields[i], f.name)
		v, err := strconv.ParseUint(digits, 10, 32)
		if !found || err != nil || v < 1 || v > f.most || strconv.FormatUint(v, 10) != digits {
			return Params{}, errPHC
		}
		values[i] = v
	}
	if values[0] < 8*values[2] { // RFC 9106 §3.1: at least 8 KiB for each lane
		return Params{}, errPHC
	}
	return Params{uint32(values[0]), uint32(values[1]), uint8(values[2])}, nil
}

func decodeField(s string, least int) ([]byte, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < least || len(b) > maxField || strings.ContainsAny(s, "\r\n") {
		return nil, errPHC
	}
	return b, nil
}
