package release

import "testing"

func TestMeets(t *testing.T) {
	for _, c := range []struct {
		version, minimum string
		want             bool
	}{
		{"0.1.0", "0.1.0", true}, {"0.1.1", "0.1.0", true}, {"0.2.0", "0.1.9", true}, {"1.0.0", "0.9.9", true}, {"0.10.0", "0.9.0", true},
		{"0.1.0", "0.1.1", false}, {"0.1.0", "0.2.0", false}, {"0.9.9", "1.0.0", false}, {"0.9.0", "0.10.0", false},
		{"0.1.0", "", false}, {"0.1.0", "0.1", false}, {"0.1.0", "later", false}, {"0.1.0", "0.1.-1", false}, {"", "0.1.0", false},
	} {
		if got := Meets(c.version, c.minimum); got != c.want {
			t.Errorf("%q meets %q: %v", c.version, c.minimum, got)
		}
	}
	if !Meets(Version, Version) {
		t.Errorf("%q is not a version", Version)
	}
}
