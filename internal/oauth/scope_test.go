package oauth_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
)

func TestParseScope(t *testing.T) {
	for in, want := range map[string][]string{
		"":                                nil,
		"   ":                             nil,
		"read":                            {"read"},
		"  b a  b ":                       {"b", "a"},
		"Read read":                       {"Read", "read"},
		"https://a.example/x?y#z !#[]^`~": {"https://a.example/x?y#z", "!#[]^`~"},
	} {
		got, err := oauth.ParseScope(in)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("ParseScope(%q) = %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"\"", "\\", "a\tb", "a\nb", "a\x00", "\x7f", "é", "a\u00a0b", "\xff", "ok b\\ad"} {
		if got, err := oauth.ParseScope(in); code(err) != oauth.InvalidScope || got != nil {
			t.Errorf("ParseScope(%q) = %q, %v", in, got, err)
		}
	}
}

func FuzzParseScope(f *testing.F) {
	f.Add("openid  read openid")
	f.Add("a\"b\\c\u00e9")
	f.Fuzz(func(t *testing.T, s string) {
		scope, err := oauth.ParseScope(s)
		if err != nil {
			if scope != nil || err.Code != oauth.InvalidScope {
				t.Errorf("%q, %v", scope, err)
			}
			return
		}
		seen := map[string]bool{}
		for _, v := range scope {
			if v == "" || seen[v] || !allowedInErrors(v) || strings.Contains(v, " ") {
				t.Errorf("%q yields the value %q", s, v)
			}
			seen[v] = true
		}
		for _, v := range strings.Split(s, " ") {
			if v != "" && !seen[v] {
				t.Errorf("%q of %q got lost", v, s)
			}
		}
		if again, err := oauth.ParseScope(oauth.JoinScope(scope)); err != nil || !cmp.Equal(again, scope) {
			t.Errorf("%q is read back as %q, %v", scope, again, err)
		}
	})
}

func TestGrantedScope(t *testing.T) {
	p := oauth.DefaultProfile() // payment demands a fresh sign-in
	p.DefaultScope = []string{"email", "payment", "gone"}
	full := []string{"openid", "payment", "read"}
	for _, tt := range []struct {
		name              string
		client, ask, want []string
		code              oauth.Code
	}{
		{name: "absent: what is configured, save payment", client: full, want: []string{"openid", "read"}},
		{name: "named: narrowed", client: full, ask: []string{"read"}, want: []string{"read"}},
		{name: "named: all of it", client: full, ask: []string{"payment", "read", "openid"}, want: []string{"payment", "read", "openid"}},
		{name: "payment only when named", client: full, ask: []string{"payment"}, want: []string{"payment"}},
		{name: "not the client's", client: full, ask: []string{"email"}, code: oauth.InvalidScope},
		{name: "in part not the client's", client: full, ask: []string{"read", "email"}, code: oauth.InvalidScope},
		{name: "unknown to everybody", client: full, ask: []string{"nonsense"}, code: oauth.InvalidScope},
		{name: "case matters", client: full, ask: []string{"Read"}, code: oauth.InvalidScope},
		{name: "none configured: the default, save payment and what is no scope any more", want: []string{"email"}},
		{name: "only payment configured: not the default", client: []string{"payment"}, want: nil},
		{name: "what the profile dropped is not given", client: []string{"read", "gone"}, want: []string{"read"}},
		{name: "what the profile dropped cannot be named", client: []string{"read", "gone"}, ask: []string{"gone"}, code: oauth.InvalidScope},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &oauth.Client{ID: "app", Scope: tt.client}
			got, err := oauth.GrantedScope(tt.ask, c, &p)
			if code(err) != tt.code || !cmp.Equal(got, tt.want) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	bare := oauth.DefaultProfile()
	if got, err := oauth.GrantedScope(nil, &oauth.Client{}, &bare); err != nil || len(got) != 0 {
		t.Errorf("none configured anywhere is no error: %q, %v", got, err)
	}
}

func TestMaxAuthAgeIsTheStrictest(t *testing.T) {
	p := oauth.DefaultProfile()
	p.Scopes = append(p.Scopes, oauth.Scope{Name: "transfer", MaxAuthAge: 30})
	for scope, want := range map[string]int{
		"": 0, "read openid": 0, "payment": 60, "read payment": 60, "payment transfer": 30, "transfer payment": 30, "unknown": 0,
	} {
		if got := oauth.MaxAuthAge(strings.Fields(scope), &p); got != want {
			t.Errorf("MaxAuthAge(%q) = %d, want %d", scope, got, want)
		}
	}
}

func TestSubsetAndUnion(t *testing.T) {
	a, b := []string{"x", "y"}, []string{"y", "z", "z"}
	if !oauth.Subset(nil, nil) || !oauth.Subset([]string{"y"}, a) || oauth.Subset(b, a) || oauth.Subset(a, nil) {
		t.Error("Subset")
	}
	if got := oauth.Union(a[:2:2], b); !cmp.Equal(got, []string{"x", "y", "z"}) {
		t.Errorf("Union = %q", got)
	}
	shared := append(make([]string, 0, 8), "x")
	oauth.Union(shared, []string{"y"})
	if got := shared[:2][1]; got != "" {
		t.Errorf("Union wrote %q into its argument", got)
	}
}
