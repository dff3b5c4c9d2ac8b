package oauth_test

import (
	"testing"

	"github.com/usher-id/usher/internal/oauth"
)

func TestSameDN(t *testing.T) {
	const name = `CN=client,OU=Apps+O=Example\, Inc.,C=DE`
	for other, want := range map[string]bool{
		name: true,
		`cn=Client, o=example\2C  inc. + ou=apps, c=de`: true,
		`2.5.4.3=client;OU=Apps+O=Example\, Inc.;C=DE`:  true,
		`CN=client,O=Example\, Inc.+OU=Apps,C=DE`:       true,
		`C=DE,OU=Apps+O=Example\, Inc.,CN=client`:       false,
		`CN=client,OU=Apps,O=Example\, Inc.,C=DE`:       false,
		`CN=client`: false,
		`CN=client,OU=Apps+O=Example\, Inc.,C=DE,DC=x`: false,
		`CN=client,OU=Apps+O=Example, Inc.,C=DE`:       false,
		`CN=client\,OU\=Apps\+O\=Example\, Inc.,C=DE`:  false,
		`CN=client,OU=Apps+O=Example\, Inc.,C=DE,`:     false,
		`CN=client,OU=Apps+O=Example\, Inc.,C=DE\`:     false,
		`CN=client,OU=Apps+O=Example\, Inc.,C="DE"`:    false,
		``:       false,
		`client`: false,
		"CN=client,OU=Apps+O=Example\\, Inc.,C=DE\x00":   false,
		`CN=client,OU=Apps+O=Example\, Inc.,C=DE,=empty`: false,
	} {
		if got := oauth.SameDN(name, other); got != want {
			t.Errorf("%s: %v", other, got)
		}
	}
	if oauth.SameDN("", "") {
		t.Error("nothing is somebody")
	}
}

func TestDNPartsDoNotRunIntoEachOther(t *testing.T) {
	for a, b := range map[string]string{
		`CN=a\+b=c`:  `CN=a+b=c`,
		`CN=a\\`:     `CN=a\5c\5c`,
		`CN=a\,CN=b`: `CN=a,CN=b`,
	} {
		if oauth.SameDN(a, b) {
			t.Errorf("%s is %s", a, b)
		}
	}
}

func FuzzSameDN(f *testing.F) {
	f.Add("CN=a,O=b", "cn=A, o=B")
	f.Add(`CN=\61+OU=\+`, `OU=\2b+CN=a`)
	f.Fuzz(func(t *testing.T, a, b string) {
		if oauth.SameDN(a, b) != oauth.SameDN(b, a) {
			t.Errorf("%q and %q: one way only", a, b)
		}
		if oauth.SameDN(a, b) && !oauth.SameDN(a, a) {
			t.Errorf("%q is %q but not itself", a, b)
		}
	})
}
