package oauth

import (
	"testing"
	"time"
)

func TestRegistrationTokensRotateAndExpire(t *testing.T) {
	began := time.Unix(1e9, 0)
	day := 24 * time.Hour
	a, b, c, d := []byte("aaaa"), []byte("bbbb"), []byte("cccc"), []byte("dddd")
	kept := ManagementToken{RegistrationTokenHash: a} // of version 0.1.0
	use := func(used, next []byte, now time.Time, want bool) {
		t.Helper()
		renewed, ok := kept.Renewed(used, next, began, now)
		if ok != want || kept.Opens(used, began, now) != want {
			t.Fatalf("%s at %s: %v", used, now.Sub(began), ok)
		}
		kept = renewed
	}
	use(b, c, began, false)
	use(nil, c, began, false)
	use(a, b, began.Add(RegistrationTokenLifetime), false) // counted from the upgrade
	use(a, b, began.Add(80*day), true)
	use(a, c, began.Add(81*day), true) // the answer with b was lost
	use(b, d, began.Add(81*day), false)
	use(a, d, began.Add(90*day), false) // however often it is used, it has its own end
	use(c, d, began.Add(100*day), true)
	use(a, b, began.Add(100*day), false) // c was used
	use(d, b, began.Add(101*day), true)
	use(c, a, began.Add(101*day), false)
	use(d, a, began.Add(102*day), true)
	use(a, b, began.Add(102*day+RegistrationTokenLifetime), false)
	var none ManagementToken
	if none.Opens(nil, began, began) || none.Opens([]byte{}, began, began) {
		t.Error("a client without a token opens")
	}
}
