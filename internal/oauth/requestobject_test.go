package oauth_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
)

func goodRequest() map[string]any {
	return map[string]any{"iss": "app", "aud": thisServer, "client_id": "app", "response_type": "code", "redirect_uri": "https://app.example/cb"}
}

func requestObject(t testing.TB, typ string, changes ...any) oauth.RequestObject {
	t.Helper()
	o, err := oauth.ParseRequestObject(typ, claimSet(t, goodRequest(), changes...))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRequestObjectParameters(t *testing.T) {
	o := requestObject(t, "", "max_age", 300, "resource", []string{"https://a.example", "https://b.example"}, "nothing", nil,
		"claims", map[string]any{"userinfo": map[string]any{"email": nil}}, "exp", seconds(time.Minute), "jti", "1", "sub", "x")
	want := url.Values{
		"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {"https://app.example/cb"}, "max_age": {"300"},
		"resource": {"https://a.example", "https://b.example"}, "claims": {`{"userinfo":{"email":null}}`},
	}
	if diff := cmp.Diff(want, o.Parameters); diff != "" {
		t.Error(diff)
	}
}

func TestRequestObjectsThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"", "[]", "null", `{"resource":["a",1]}`, `{"exp":"x"}`, `{"aud":1}`} {
		if _, err := oauth.ParseRequestObject("", []byte(text)); err == nil {
			t.Errorf("read %s", text)
		}
	}
}

func TestRequestObjectsThatAreGood(t *testing.T) {
	c := &oauth.Client{ID: "app"}
	for name, changes := range map[string][]any{
		"as it is":                    {},
		"without claims about itself": {"iss", nil, "aud", nil},
		"without client_id":           {"client_id", nil},
		"one of several audiences":    {"aud", []string{"https://other.example", thisServer}},
		"59 minutes old, an hour":     {"nbf", seconds(-59 * time.Minute), "exp", seconds(time.Minute)},
		"issued now":                  {"iat", seconds(0), "nbf", seconds(0), "exp", seconds(time.Minute)},
	} {
		if err := new(requestObject(t, "", changes...)).Check(c, thisServer, noon); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, typ := range []string{"JWT", "jwt", oauth.TypeRequestObject} {
		if err := new(requestObject(t, typ)).Check(c, thisServer, noon); err != nil {
			t.Errorf("typ %s: %v", typ, err)
		}
	}
}

// FAPI 2.0 Message Signing §5.3.1: nbf and exp are there, an hour apart at most. Who need not sign may omit them.
func TestRequestObjectsOfClientsThatHaveToSign(t *testing.T) {
	now, hour := seconds(0), seconds(time.Hour)
	for name, test := range map[string]struct {
		changes []any
		good    bool
	}{
		"both":                 {[]any{"nbf", now, "exp", hour}, true},
		"neither":              {nil, false},
		"no exp":               {[]any{"nbf", now}, false},
		"no nbf":               {[]any{"exp", hour}, false},
		"iat instead of nbf":   {[]any{"iat", now, "exp", hour}, false},
		"null as nbf":          {[]any{"nbf", nil, "exp", hour}, false},
		"exp after 61 minutes": {[]any{"nbf", now, "exp", seconds(61 * time.Minute)}, false},
		"nbf of 2 hours ago":   {[]any{"nbf", seconds(-2 * time.Hour), "exp", seconds(time.Minute)}, false},
	} {
		c := &oauth.Client{ID: "app", ClientRequests: oauth.ClientRequests{RequireSigned: true}}
		err := new(requestObject(t, "", test.changes...)).Check(c, thisServer, noon)
		if (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := new(requestObject(t, "")).Check(&oauth.Client{ID: "app"}, thisServer, noon); err != nil {
		t.Errorf("a client that need not sign: %v", err)
	}
}

func TestRequestObjectsThatAreRefused(t *testing.T) {
	c := &oauth.Client{ID: "app"}
	for name, changes := range map[string][]any{
		"another client":              {"client_id", "other"},
		"two clients":                 {"client_id", []string{"app", "other"}},
		"another issuer":              {"iss", "other"},
		"another audience":            {"aud", "https://other.example"},
		"a request object in it":      {"request", "x"},
		"a request_uri in it":         {"request_uri", "https://app.example/r"},
		"expired":                     {"exp", seconds(0)},
		"not yet valid":               {"nbf", seconds(61 * time.Second)},
		"older than an hour":          {"nbf", seconds(-62 * time.Minute), "exp", seconds(time.Second)},
		"good for more than an hour":  {"nbf", seconds(0), "exp", seconds(61 * time.Minute)},
		"issued after it is received": {"iat", seconds(2 * time.Minute)},
	} {
		if new(requestObject(t, "", changes...)).Check(c, thisServer, noon) == nil {
			t.Errorf("accepted: %s", name)
		}
	}
	for _, typ := range []string{"at+jwt", "dpop+jwt", oauth.TypeClientAssertion} {
		if new(requestObject(t, typ)).Check(c, thisServer, noon) == nil {
			t.Errorf("accepted with typ %s", typ)
		}
	}
}

func TestRequestObjectMerge(t *testing.T) {
	openid := url.Values{
		"client_id": {"app"}, "scope": {"openid"}, "state": {"query"}, "redirect_uri": {"https://evil.example"}, "request": {"x"},
	}
	plain := url.Values{"client_id": {"app"}, "scope": {"read"}, "state": {"query"}, "request_uri": {"x"}}
	object := url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {"https://app.example/cb"}}
	both := url.Values{
		"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {"https://app.example/cb"}, "scope": {"openid"}, "state": {"query"},
	}
	for _, test := range []struct {
		name, typ string
		signed    bool
		query     url.Values
		want      url.Values
	}{
		{"OpenID Connect takes the rest from the query", "JWT", false, openid, both},
		{"OAuth takes the object alone", "", false, plain, object},
		{"a client that has to sign is taken at what it signed", "", true, openid, object},
		{"an object of RFC 9101 counts alone", oauth.TypeRequestObject, false, openid, object},
	} {
		c := &oauth.Client{ID: "app", ClientRequests: oauth.ClientRequests{RequireSigned: test.signed}}
		got, err := new(requestObject(t, test.typ)).Merge(c, test.query)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", test.name, err, diff)
		}
	}
}

func TestRequestObjectOfAnotherResponseType(t *testing.T) {
	q := url.Values{"scope": {"openid"}, "response_type": {"id_token"}}
	if _, err := new(requestObject(t, "")).Merge(&oauth.Client{ID: "app"}, q); err == nil {
		t.Error("accepted") // OpenID Connect Core §6.1
	}
}

func TestWhereRequestObjectsMayBeFetched(t *testing.T) {
	c := &oauth.Client{ClientRequests: oauth.ClientRequests{RequestURIs: []string{"https://app.example/r#hash", "http://app.example/clear"}}}
	for uri, want := range map[string]bool{
		"https://app.example/r":       true,
		"https://app.example/r#other": true,
		"https://app.example/r?a=b":   false,
		"https://app.example/r/":      false,
		"https://app.example/":        false,
		"https://evil.example/r":      false,
		"http://app.example/clear":    false,
		"https://a@app.example/r":     false,
		"":                            false,
		"urn:x":                       false,
	} {
		if got := c.AllowsRequestURI(uri); got != want {
			t.Errorf("%s: %v", uri, got)
		}
	}
}

func TestAlgorithmsOfRequestObjects(t *testing.T) {
	for _, test := range []struct {
		requests oauth.ClientRequests
		want     []oauth.Alg
	}{
		{oauth.ClientRequests{}, append(slices.Clone(oauth.ClientAlgs), oauth.AlgNone)},
		{oauth.ClientRequests{RequireSigned: true}, oauth.ClientAlgs},
		{oauth.ClientRequests{RequirePushed: true}, oauth.ClientAlgs},
		{oauth.ClientRequests{RequestObjectAlg: oauth.PS256}, []oauth.Alg{oauth.PS256}},
		{oauth.ClientRequests{RequestObjectAlg: oauth.AlgNone}, []oauth.Alg{oauth.AlgNone}},
		{oauth.ClientRequests{RequestObjectAlg: oauth.AlgNone, RequireSigned: true}, nil},
	} {
		if diff := cmp.Diff(test.want, (&oauth.Client{ClientRequests: test.requests}).RequestObjectAlgs()); diff != "" {
			t.Errorf("%+v:\n%s", test.requests, diff)
		}
	}
}

func FuzzRequestObject(f *testing.F) {
	f.Add(`{"iss":"app","client_id":"app","scope":"openid","max_age":1,"claims":{},"resource":["a"]}`, "scope=openid&state=s")
	f.Add(`{"request":"x", "a" : [ ] , "b": null,"c":true}`, "request=x")
	f.Fuzz(func(t *testing.T, claims, query string) {
		c := &oauth.Client{ID: "app"}
		o, err := oauth.ParseRequestObject("", []byte(claims))
		if err != nil || o.Check(c, thisServer, noon) != nil {
			return
		}
		q, _ := url.ParseQuery(query)
		merged, err := o.Merge(c, q)
		if err != nil {
			return
		}
		if merged.Has("request") || merged.Has("request_uri") || len(merged["client_id"]) != 1 || merged.Get("client_id") != "app" {
			t.Errorf("%q with %q gives %v", claims, query, merged)
		}
		for name, values := range o.Parameters {
			if !cmp.Equal(merged[name], values) && name != "client_id" {
				t.Errorf("%q with %q: the query beats the object's %s", claims, query, name)
			}
		}
	})
}
