package authn

import (
	"math"
	"net/netip"
	"sync"
	"time"
)

// AddressLimiter lets each client address make so many attempts at once and so many over time (a token
// bucket), in memory and bounded. It stands before the durable buckets, to keep one machine from
// occupying the password hashing; each node counts on its own.
//
// Addresses live in two generations. When the younger is full, or so old that whoever is only in the
// elder has all attempts back, the elder is forgotten.
type AddressLimiter struct {
	perSecond, burst float64
	most             int // entries of one generation

	mu             sync.Mutex
	younger, elder map[[16]byte]allowance
	since          time.Time // when the younger generation began
}

type allowance struct {
	tokens float64
	at     int64 // nanoseconds since 1970
}

// NewAddressLimiter allows burst attempts at once and perSecond over time, and remembers at most so many
// addresses.
func NewAddressLimiter(perSecond, burst float64, addresses int) *AddressLimiter {
	return &AddressLimiter{
		perSecond: perSecond, burst: burst, most: max(1, addresses/2),
		younger: map[[16]byte]allowance{}, elder: map[[16]byte]allowance{},
	}
}

// Allow counts an attempt from the address; where it is one too many, it says after how many whole
// seconds the next is good. An IPv6 address stands for its /64, since whoever has one has them all.
func (l *AddressLimiter) Allow(addr netip.Addr, now time.Time) (ok bool, retryAfter time.Duration) {
	key := addressKey(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.age(now)
	a, known := l.younger[key]
	if !known {
		a, known = l.elder[key]
	}
	if !known {
		a = allowance{l.burst, now.UnixNano()}
	}
	// A clock that is set back gives nothing and takes nothing.
	elapsed := max(0, time.Duration(now.UnixNano()-a.at))
	a.tokens = min(l.burst, a.tokens+elapsed.Seconds()*l.perSecond)
	a.at = now.UnixNano()
	if ok = a.tokens >= 1; ok {
		a.tokens--
	} else {
		retryAfter = time.Duration(math.Ceil((1-a.tokens)/l.perSecond)) * time.Second
	}
	l.younger[key] = a
	return ok, retryAfter
}

// age makes room for one more.
func (l *AddressLimiter) age(now time.Time) {
	refill := time.Duration(l.burst / l.perSecond * float64(time.Second))
	if len(l.younger) < l.most && now.Sub(l.since) <= refill && !now.Before(l.since) {
		return
	}
	l.younger, l.elder, l.since = map[[16]byte]allowance{}, l.younger, now
}

// Network names what one caller can have: an IPv4 address, or a /64.
func Network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // fails for the zero address alone, whose prefix is zero
	return prefix
}

// Site is what stands for an address where attempts are listed by network: its /24, or, with IPv6,
// the /48 that a site has.
func Site(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 24
	if addr.Is6() {
		bits = 48
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address could be told
	}
	return network
}

func addressKey(addr netip.Addr) [16]byte {
	addr = addr.Unmap()
	if !addr.IsValid() {
		return [16]byte{} // all that could not be told share one allowance
	}
	if addr.Is6() {
		addr = netip.PrefixFrom(addr.WithZone(""), 64).Masked().Addr()
	}
	return addr.As16()
}
