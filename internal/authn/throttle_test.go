package authn

import (
	"errors"
	"math"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

var (
	start   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	bucketK = []byte("0123456789abcdef0123456789abcdef")
)

func TestBucketFor(t *testing.T) {
	device := oauth.ID{1}.String()
	alice := BucketFor(bucketK, "alice", "")
	if BucketFor(bucketK, " ALICE ", "") != alice {
		t.Error("ways to write one name have buckets of their own: each would be a fresh start")
	}
	if BucketFor([]byte("another key"), "alice", "") == alice {
		t.Error("the bucket does not depend on the key")
	}
	if BucketFor(bucketK, "alice", device) == BucketFor(bucketK, "alice", oauth.ID{2}.String()) {
		t.Error("two devices share a bucket")
	}
	seen := map[int]bool{}
	for i := range 20000 {
		name := strconv.Itoa(i)
		byName, byDevice := BucketFor(bucketK, name, ""), BucketFor(bucketK, name, device)
		if byName < 0 || byName >= Buckets/2 || byDevice < Buckets/2 || byDevice >= Buckets {
			t.Fatalf("%d and %d are not in their halves", byName, byDevice)
		}
		seen[byName] = true
	}
	if len(seen) < 14000 { // 14,970 are expected of 20,000 throws into 32,768
		t.Errorf("only %d buckets are used", len(seen))
	}
}

func TestAllowed(t *testing.T) {
	tests := map[string]struct {
		before float64
		ok     bool
		retry  time.Duration
	}{
		"none yet":          {0, true, 0},
		"the last free one": {9.99, true, 0},
		"full":              {10, false, 31 * time.Second},
		"half leaked":       {10.5, false, 31 * time.Second},
		"beyond":            {11, false, 31 * time.Second},
		"far beyond":        {1e300, false, 31 * time.Second},
		"infinite":          {math.Inf(1), false, 31 * time.Second},
		"no number":         {math.NaN(), false, time.Second},
		"negative":          {-1, true, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if ok, retry := Allowed(test.before); ok != test.ok || retry != test.retry {
				t.Errorf("got %v %v", ok, retry)
			}
		})
	}
}

// bucket is the store's rule, in its simplest form: leak, add, fill at most to the brim.
type bucket struct {
	level   float64
	updated time.Time
}

func (b *bucket) count(now time.Time) (before float64) {
	before = math.Max(0, b.level-now.Sub(b.updated).Seconds()*LeakPerSecond)
	b.level, b.updated = math.Min(before+1, MaxLevel), now
	return before
}

func TestThrottlingOverTime(t *testing.T) {
	var b bucket
	now, allowed := start, 0
	for range 24 * 3600 { // a guess a second, all day
		now = now.Add(time.Second)
		if ok, _ := Allowed(b.count(now)); ok {
			allowed++
		}
	}
	if allowed > FreeAttempts+24*3600*LeakPerSecond+1 {
		t.Errorf("%d guesses in a day", allowed)
	}
	_, retry := Allowed(b.count(now))
	if ok, _ := Allowed(b.count(now.Add(retry))); !ok {
		t.Error("Retry-After promised too much")
	}
}

func TestDevice(t *testing.T) {
	m := token.Master{1}
	key, err := token.NewKey(zeros{}, token.UseSeal, "", start, start, m)
	if err != nil {
		t.Fatal(err)
	}
	r, err := token.NewRing([]token.WrappedKey{key}, m, "https://localhost")
	if err != nil {
		t.Fatal(err)
	}
	want := Device{AccountID: oauth.ID{1, 2}, ID: oauth.ID{15: 3}}
	cookie, err := SealDevice(r, want, start)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenDevice(r, cookie); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	flow, err := r.Seal(token.KindFlow, start, EncodeDevice(want))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "AAAA", flow, cookie[1:]} {
		if got, err := OpenDevice(r, text); !errors.Is(err, token.ErrInvalid) || got != (Device{}) {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

// zeros is a reader for a key that no one needs to keep secret.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestDeviceFor(t *testing.T) {
	alice, id := oauth.ID{1}, oauth.ID{9}
	tests := map[string]struct {
		device  Device
		account oauth.ID
		want    string
	}{
		"own":             {Device{alice, id}, alice, id.String()},
		"somebody else's": {Device{oauth.ID{2}, id}, alice, ""},
		"no cookie":       {Device{}, alice, ""},
		"unknown user":    {Device{alice, id}, oauth.ID{}, ""},
		"neither":         {Device{}, oauth.ID{}, ""},
		"no device":       {Device{alice, oauth.ID{}}, alice, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.device.For(test.account); got != test.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func FuzzDecodeDevice(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(EncodeDevice(Device{oauth.ID{1}, oauth.ID{2}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := DecodeDevice(b)
		if err == nil && string(EncodeDevice(d)) != string(b) {
			t.Errorf("%x is written as %x", b, EncodeDevice(d))
		}
	})
}

func TestAddressLimiter(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	l := NewAddressLimiter(0.5, 3, 100)
	for range 3 {
		if ok, _ := l.Allow(a, start); !ok {
			t.Fatal("refused within the burst")
		}
	}
	if ok, retry := l.Allow(a, start); ok || retry != 2*time.Second {
		t.Errorf("got %v %v", ok, retry)
	}
	if ok, _ := l.Allow(b, start); !ok {
		t.Error("one address pays for another")
	}
	if ok, _ := l.Allow(a, start.Add(2*time.Second)); !ok {
		t.Error("nothing came back")
	}
	if ok, _ := l.Allow(a, start.Add(-time.Hour)); ok {
		t.Error("a clock set back gave an attempt")
	}
	if ok, _ := l.Allow(b, start.Add(-time.Hour)); !ok {
		t.Error("a clock set back took an attempt")
	}
	for i := range 4 {
		if ok, _ := l.Allow(a, start.Add(time.Hour)); ok != (i < 3) {
			t.Errorf("attempt %d after an hour: %v", i, ok)
		}
	}
}

func TestAddressKey(t *testing.T) {
	tests := map[string]struct {
		a, b string
		same bool
	}{
		"IPv4":           {"192.0.2.1", "192.0.2.2", false},
		"mapped":         {"192.0.2.1", "::ffff:192.0.2.1", true},
		"one /64":        {"2001:db8::1", "2001:db8::ffff:1:2:3", true},
		"two /64":        {"2001:db8::1", "2001:db8:0:1::1", false},
		"zone":           {"fe80::1%eth0", "fe80::1%eth1", true},
		"IPv4 and IPv6":  {"0.0.0.0", "::", false},
		"mapped and /64": {"::ffff:1.2.3.4", "::1", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, b := addressKey(netip.MustParseAddr(test.a)), addressKey(netip.MustParseAddr(test.b))
			if (a == b) != test.same {
				t.Errorf("got %x and %x", a, b)
			}
		})
	}
	if addressKey(netip.Addr{}) != [16]byte{} {
		t.Error("unknown addresses share one key")
	}
}

func TestAddressLimiterIsBounded(t *testing.T) {
	l := NewAddressLimiter(1.0/60, 5, 1000)
	addr := netip.MustParseAddr("10.0.0.0")
	for i := range 20000 {
		addr = addr.Next()
		l.Allow(addr, start.Add(time.Duration(i)*time.Millisecond))
		if n := len(l.younger) + len(l.elder); n > 1000 {
			t.Fatalf("%d addresses are held", n)
		}
	}
	l.Allow(addr, start.Add(time.Hour))
	l.Allow(addr, start.Add(2*time.Hour))
	if n := len(l.younger) + len(l.elder); n > 2 {
		t.Errorf("%d addresses are held after two quiet hours", n)
	}
}

// An address that keeps trying is not forgotten when generations change with time.
func TestAddressLimiterAcrossGenerations(t *testing.T) {
	l, addr, allowed := NewAddressLimiter(1, 10, 1000), netip.MustParseAddr("192.0.2.1"), 0
	for i := range 10000 { // ten a second for 1,000 seconds
		if ok, _ := l.Allow(addr, start.Add(time.Duration(i)*100*time.Millisecond)); ok {
			allowed++
		}
	}
	if allowed < 1000 || allowed > 1011 {
		t.Errorf("%d attempts were allowed", allowed)
	}
}
