package authn

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"
)

// Throttling of guesses. Attempts are counted in a fixed number of durable buckets that leak, so unknown
// names count as much as known ones, and nothing grows. An attempt is counted before the password is looked
// at; a success empties the bucket. Every node agrees, for the buckets are in the store.
const (
	// Buckets is how many there are. The lower half is for names; the upper half, for devices, cannot be
	// reached without a device cookie, however many names somebody tries.
	Buckets = 1 << 16
	// LeakPerSecond forgets one attempt in 30 seconds.
	LeakPerSecond = 1.0 / 30
	// FreeAttempts is the level from which on attempts are refused.
	FreeAttempts = 10
	// MaxLevel is the level at which a bucket is full: attempts beyond it are refused anyway, and
	// should not prolong the wait without end.
	MaxLevel = FreeAttempts + 1
	// ThrottlePurpose names the key of BucketFor (token.Master.Derive).
	ThrottlePurpose = "throttle buckets"
)

// BucketFor says which bucket counts an attempt to sign in. The name may be as typed. device is
// the Device.ID of a browser whose cookie names the very account that the name belongs to, in text; else
// empty. The key keeps others from finding names that share a bucket.
func BucketFor(key []byte, name, device string) int {
	mac := hmac.New(sha256.New, key)
	name = NormalizeUsername(name)
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(name)))
	mac.Write(length[:])
	mac.Write([]byte(name))
	mac.Write([]byte(device))
	bucket := int(binary.BigEndian.Uint32(mac.Sum(nil)) % (Buckets / 2))
	if device != "" {
		bucket += Buckets / 2
	}
	return bucket
}

// Allowed judges the level that a bucket had before this attempt: whether the password may be looked at,
// and if not, after how many whole seconds another attempt is worth making.
func Allowed(before float64) (ok bool, retryAfter time.Duration) {
	if before < FreeAttempts {
		return true, 0
	}
	after := math.Min(before+1, MaxLevel) // NaN stays NaN, and is refused
	seconds := math.Floor((after-FreeAttempts)/LeakPerSecond) + 1
	if math.IsNaN(seconds) {
		seconds = 1
	}
	return false, time.Duration(seconds) * time.Second
}
