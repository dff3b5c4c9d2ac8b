package authn

import (
	"errors"
	"net/netip"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

var (
	start   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	secretK = []byte("0123456789abcdef0123456789abcdef")
)

// The inequalities by which ten guessing networks keep nobody out, and a thousand make fewer
// than 100 guesses in 24 hours.
func TestSignInLimits(t *testing.T) {
	const networks = 11 // ten that guess and the user's
	first, second := signIn.tiers[0], signIn.tiers[1]
	if networks*first.source+second.total > first.total {
		t.Error("ten networks can use up what all may guess at once")
	}
	if networks*signIn.sourcePerDay > signIn.totalPerDay {
		t.Error("ten networks can use up what all may guess over time")
	}
	if first.total+signIn.totalPerDay >= 100 {
		t.Error("100 guesses can be judged within 24 hours")
	}
	for i, tier := range signIn.tiers[1:] {
		if before := signIn.tiers[i]; tier.source <= before.source || tier.total >= before.total {
			t.Errorf("tier %d: a source that guessed more finds more places", i+1)
		}
	}
}

func TestThrottleKey(t *testing.T) {
	key := func(d Domain, name string) string { return string(ThrottleKey(secretK, d, name)) }
	alice := key(DomainUnknownName, "alice")
	if alice == string(ThrottleKey([]byte("another"), DomainUnknownName, "alice")) {
		t.Error("the key does not depend on the secret")
	}
	// No name of one kind counts where another kind does, whatever it says.
	names := []string{"alice", "", "user code", "user codealice", "device codes from 127.0.0.1/32",
		"127.0.0.1/32", "sign-in with an unknown user name", "\x00", "a\x00b"}
	for _, a := range names {
		for _, b := range names {
			if key(DomainUnknownName, a) == key(DomainUserCode, b) {
				t.Errorf("%q as a user name and %q as a source of user codes share a key", a, b)
			}
		}
	}
	account := AccountKey(oauth.ID{1})
	seen := map[string]bool{}
	for i := range 20000 {
		k := key(DomainUnknownName, strconv.Itoa(i))
		if len(k) == len(account) {
			t.Fatal("a key of unknown names may be an account's")
		}
		seen[k] = true
	}
	if len(seen) < 17000 { // 17,240 are expected of 20,000 throws into 65,536
		t.Errorf("only %d keys are used", len(seen))
	}
}

// guesser makes guesses at one Throttle.
type guesser struct {
	t *testing.T
	Throttle
	now    time.Time
	ids    int
	judged []time.Time
}

// wrong makes a wrong guess from a network or browser, and tells whether it was judged.
func (g *guesser) wrong(browser, network string) bool {
	g.ids++
	v := g.ReserveSignIn(strconv.Itoa(g.ids), browser, network, g.now)
	if v.Cause != CauseNone {
		return false
	}
	g.CountSignIn(v.Reservation, g.now)
	g.judged = append(g.judged, g.now)
	return true
}

// right makes a right guess.
func (g *guesser) right(browser, network string) Verdict {
	g.ids++
	v := g.ReserveSignIn(strconv.Itoa(g.ids), browser, network, g.now)
	if v.Cause == CauseNone && !g.GiveBack(v.Reservation) {
		g.t.Error("nothing was given back")
	}
	return v
}

// mostInADay is the most guesses that were judged in any 24 hours.
func (g *guesser) mostInADay() (most int) {
	first := 0
	for last, at := range g.judged {
		for at.Sub(g.judged[first]) >= day {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

func networkName(i int) string {
	return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String() + "/32"
}

// TestGuessersKeepNobodyOut: guessers at full rate, over three days, in several patterns, while
// the user comes with new browsers on other networks.
func TestGuessersKeepNobodyOut(t *testing.T) {
	for _, test := range []struct {
		networks int
		pause    time.Duration // between the guesses of one network
	}{
		{1, time.Second}, {1, 20 * time.Second}, {1, time.Minute}, {1, time.Hour}, {2, time.Second},
		{5, 10 * time.Second}, {9, 8 * time.Hour}, {10, time.Second}, {10, 7 * time.Minute},
		{10, 37 * time.Minute}, {10, 8 * time.Hour},
	} {
		t.Run(strconv.Itoa(test.networks)+" every "+test.pause.String(), func(t *testing.T) {
			g := &guesser{t: t, now: start}
			refused, mistyped := 0, 0
			for at := time.Duration(0); at < 3*day; at += test.pause {
				g.now = start.Add(at)
				for i := range test.networks {
					g.wrong("", networkName(i))
				}
				if at%(20*time.Minute) == 0 { // right at once, on a network of its own each time
					if v := g.right("", networkName(1000+int(at/time.Minute))); v.Cause != CauseNone {
						refused++
					}
				}
				if at%(8*time.Hour) == 0 { // the user at home mistypes once, then types it right
					if !g.wrong("", "home") || g.right("", "home").Cause != CauseNone {
						mistyped++
					}
				}
			}
			if refused > 0 || mistyped > 0 {
				t.Errorf("a new browser was refused %d times, one after a slip %d times", refused, mistyped)
			}
			if most := g.mostInADay(); most >= 100 {
				t.Errorf("%d guesses were judged within 24 hours", most)
			}
		})
	}
}

// The user comes after ten networks have guessed for days, and may mistype three times.
func TestUserMayMistypeWhileTenNetworksGuess(t *testing.T) {
	g := &guesser{t: t, now: start}
	for range 2 * 24 * 60 {
		g.now = g.now.Add(time.Minute)
		for i := range 10 {
			g.wrong("", networkName(i))
		}
	}
	for i := range 3 {
		if !g.wrong("", "home") {
			t.Fatalf("slip %d was refused", i+1)
		}
	}
	if v := g.right("", "home"); v.Cause != CauseNone {
		t.Errorf("the right password after three slips: %+v", v)
	}
}

func TestManyNetworks(t *testing.T) {
	g := &guesser{t: t, now: start}
	g.Remember("laptop", start)
	sources, told := 0, 0
	for minute := range 3 * 24 * 60 {
		g.now = start.Add(time.Duration(minute) * time.Minute)
		for i := range 1000 {
			g.wrong("", networkName(i))
		}
		sources = max(sources, len(g.tries.Sources))
		if g.ReserveSignIn("x", "", "new", g.now).Cause == CauseAccount && g.Tell(g.now) {
			told++
		}
		if v := g.right("laptop", networkName(1)); v.Cause != CauseNone {
			t.Fatalf("a known browser notices: %+v", v)
		}
	}
	most := g.mostInADay()
	t.Logf("at most %d guesses in 24 h, %d sources kept, told %d times", most, sources, told)
	if most >= 100 || most < 90 {
		t.Errorf("%d guesses were judged within 24 hours", most)
	}
	if sources > maxSources {
		t.Errorf("%d sources are kept", sources)
	}
	if told < 60 || told > 72 {
		t.Errorf("operators were told %d times in 72 hours", told)
	}
}

// Without an attack a user has more tries, and then waits for minutes.
func TestWaitsOfUsersWhoMistype(t *testing.T) {
	g := &guesser{t: t, now: start}
	tries := 0
	for g.wrong("", "home") {
		tries++
	}
	if tries != 10 {
		t.Errorf("%d tries at once, want 10", tries)
	}
	for range 20 {
		v := g.ReserveSignIn("x", "", "home", g.now)
		if v.Cause != CauseNetwork || v.Wait <= 0 || v.Wait > 40*time.Minute {
			t.Fatalf("%+v", v)
		}
		before, _, _ := g.Encode()
		g.now = g.now.Add(v.Wait - 2*time.Second)
		if g.wrong("", "home") {
			t.Error("a guess was judged before the wait was over")
		}
		if after, _, _ := g.Encode(); string(after) != string(before) {
			t.Error("a refused guess changed something")
		}
		g.now = g.now.Add(2 * time.Second)
		if !g.wrong("", "home") {
			t.Error("the wait promised too much")
		}
	}
}

func TestKnownBrowserHasLimitsOfItsOwn(t *testing.T) {
	g := &guesser{t: t, now: start}
	g.Remember("laptop", start)
	for i := range 10 {
		if !g.wrong("laptop", "home") {
			t.Fatalf("try %d was refused", i+1)
		}
	}
	v := g.right("laptop", "home")
	if v.Cause != CauseBrowser || v.Wait > 5*time.Minute+time.Second {
		t.Errorf("%+v", v)
	}
	if !g.wrong("", "home") || g.tries.Total.Guesses != 1 {
		t.Error("guesses in a known browser count for its network")
	}
	g.now = g.now.Add(v.Wait)
	if g.right("laptop", "home").Cause != CauseNone {
		t.Error("the wait promised too much")
	}
	g.Remember("laptop", g.now)
	if g.browsers[0].Guesses != 0 {
		t.Error("a sign-in leaves the guesses")
	}
}

func TestNewestBrowsersAreKnown(t *testing.T) {
	var tr Throttle
	for i := range MaxBrowsers {
		tr.Remember(strconv.Itoa(i), start)
	}
	tr.Remember("0", start) // used again
	tr.Remember("new", start)
	known := func(browser string) bool {
		return tr.ReserveSignIn("x", browser, "n", start).Reservation.Known
	}
	if !known("0") || !known("new") || known("1") || !known("2") || known("") || known("n") {
		t.Errorf("%+v", tr.browsers)
	}
}

func TestReservations(t *testing.T) {
	var tr Throttle
	reserve := func(i int, network string, at time.Time) Verdict {
		return tr.ReserveSignIn(strconv.Itoa(i), "", network, at)
	}
	for i := range 10 {
		if v := reserve(i, "a", start); v.Cause != CauseNone {
			t.Fatalf("reservation %d: %+v", i, v)
		}
	}
	v := reserve(10, "a", start)
	if v.Cause != CauseBusy || v.Wait != busyWait {
		t.Errorf("more at the same time than may be wrong: %+v", v)
	}
	if v := reserve(11, "a", start.Add(reservationLifetime)); v.Cause != CauseBusy {
		t.Errorf("a minute later: %+v", v)
	}
	// What a crashed node reserved lapses.
	late := reserve(12, "a", start.Add(reservationLifetime+time.Second))
	if late.Cause != CauseNone || len(tr.tries.Reserved) != 1 {
		t.Errorf("%+v, %d reserved", late, len(tr.tries.Reserved))
	}
	if !tr.GiveBack(late.Reservation) || tr.GiveBack(late.Reservation) {
		t.Error("a reservation is given back once")
	}
	// A guess that was judged counts, also when its reservation lapsed.
	tr.CountSignIn(late.Reservation, start.Add(time.Hour))
	if tr.tries.Total.Guesses != 1 || len(tr.tries.Sources) != 1 {
		t.Errorf("%+v", tr.tries)
	}
	tr.Release()
	if tr.tries.Total.Guesses != 0 || len(tr.tries.Sources) != 0 {
		t.Errorf("after the release: %+v", tr.tries)
	}
}

func TestLevelAndClocks(t *testing.T) {
	at := start.UnixMilli()
	full := level{Guesses: 10, At: at}
	tests := map[string]struct {
		level level
		at    time.Time
		want  level
	}{
		"at once":           {full, start, full},
		"half a day later":  {full, start.Add(day / 2), level{8.5, start.Add(day / 2).UnixMilli()}},
		"a year later":      {full, start.Add(365 * day), level{0, start.Add(365 * day).UnixMilli()}},
		"a clock behind":    {full, start.Add(-time.Minute), full},
		"a clock far ahead": {level{10, start.Add(400 * day).UnixMilli()}, start, level{10, at}},
		"nothing yet":       {level{}, start, level{0, at}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.level.after(3, test.at.UnixMilli()); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestUserCodeLimits(t *testing.T) {
	var tr Throttle
	now, judged := start, 0
	for i := range 24 * 3600 {
		now = now.Add(time.Second)
		if v := tr.Reserve(&UserCode, strconv.Itoa(i), "a", now); v.Cause == CauseNone {
			tr.Count(&UserCode, v.Reservation, now)
			judged++
		}
	}
	if judged > 10+2880 {
		t.Errorf("%d guesses at user codes in a day", judged)
	}
	for i := range 3 * maxSources {
		tr.Count(&UserCode, Reservation{Source: strconv.Itoa(i)}, now)
	}
	if len(tr.tries.Sources) > maxSources || tr.tries.Total.Guesses != 0 {
		t.Errorf("%d sources, total %v", len(tr.tries.Sources), tr.tries.Total)
	}
}

func TestThrottleIsReadAsWritten(t *testing.T) {
	g := &guesser{t: t, now: start}
	g.Remember("laptop", start)
	g.wrong("laptop", "")
	g.wrong("", "home")
	g.ReserveSignIn("x", "", "home", start)
	tries, browsers, err := g.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadThrottle(tries, browsers)
	if err != nil || !reflect.DeepEqual(got, g.Throttle) {
		t.Errorf("got %+v, %v, want %+v", got, err, g.Throttle)
	}
	if forgotten, err := ReadThrottle(tries, nil); err != nil || len(forgotten.browsers) != 0 {
		t.Errorf("without browsers: %+v, %v", forgotten, err)
	}
	if _, err := ReadThrottle([]byte("{"), nil); err == nil {
		t.Error("damage is not noticed")
	}
}

func TestThrottleView(t *testing.T) {
	g := &guesser{t: t, now: start}
	v := g.View(start)
	if v.Cause != CauseNone || v.Until != nil || v.Guesses != 0 || len(v.Networks) != 0 {
		t.Errorf("nothing yet: %+v", v)
	}
	for g.wrong("", "home") {
	}
	v = g.View(start)
	if v.Cause != CauseNone || v.Guesses != 10 || len(v.Networks) != 1 || v.Networks[0].Until == nil {
		t.Errorf("one network: %+v", v)
	}
	for i := range 100 {
		g.wrong("", networkName(i))
	}
	g.Remember("laptop", start)
	v = g.View(start)
	if v.Cause != CauseAccount || v.Until == nil || v.Guesses != 60 || v.Browsers != 1 ||
		len(v.Networks) != 51 {
		t.Errorf("many networks: %+v", v)
	}
	if v.Networks[0].Network != networkName(49) || v.Networks[50].Network != "home" {
		t.Errorf("not the latest first: %+v", v.Networks)
	}
	if v := g.View(start.Add(30 * day)); v.Guesses != 0 || len(v.Networks) != 0 || v.Until != nil {
		t.Errorf("a month later: %+v", v)
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
