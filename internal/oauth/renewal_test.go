package oauth

import (
	"net/url"
	"testing"
)

func TestRenewalCheck(t *testing.T) {
	here, there := ValidOrigin{"https://app.example"}, ValidOrigin{"https://evil.example"}
	h := Renewal{ClientID: "app", Origin: here.String(), JKT: "key"}
	for name, c := range map[string]struct {
		handle Renewal
		client string
		origin ValidOrigin
		jkt    string
		good   bool
	}{
		"its own":            {h, "app", here, "key", true},
		"another client":     {h, "other", here, "key", false},
		"another origin":     {h, "app", there, "key", false},
		"another key":        {h, "app", here, "kez", false},
		"no key":             {h, "app", here, "", false},
		"bound to no key":    {Renewal{ClientID: "app", Origin: here.String()}, "app", here, "", false},
		"an empty handle":    {Renewal{}, "", ValidOrigin{}, "", false},
		"a longer key of it": {h, "app", here, "keykey", false},
	} {
		if got := c.handle.Check(c.client, c.origin, c.jkt); (got == nil) != c.good {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestParseRenewal(t *testing.T) {
	for query, good := range map[string]bool{"renewal_handle=x": true, "": false, "renewal_handle=": false, "renewal_handle=x&renewal_handle=y": false} {
		form, _ := url.ParseQuery(query)
		if _, err := ParseRenewal(form); (err == nil) != good {
			t.Errorf("%q: %v", query, err)
		}
	}
	for query, good := range map[string]bool{"": true, "dpop_jkt=x": false, "dpop_jkt=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU": true} {
		q, _ := url.ParseQuery(query)
		if _, err := ParseRenewalKey(q); (err == nil) != good {
			t.Errorf("%q: %v", query, err)
		}
	}
}
