package scim

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store/sqlstore"
)

func TestLargeDirectories(t *testing.T) {
	w := newWorld(t)
	accounts := make([]oauth.Account, MaxWalk+1)
	for i := range accounts {
		name := fmt.Sprintf("user%06d", i)
		accounts[i] = oauth.Account{ID: oauth.ID{1, byte(i >> 16), byte(i >> 8), byte(i)}, Username: name, Email: name + "@example.com", ExternalID: "x" + name, Created: w.m.Now()}
	}
	if err := w.m.Store.(*sqlstore.Store).Fill(t.Context(), accounts, nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, filter := range []string{`active eq true`, `userName co "7"`, `userName sw "user"`, `not (userName eq "x")`} {
		if e := w.want(400, "GET", "/Users?filter="+url.QueryEscape(filter), ""); e["scimType"] != tooMany {
			t.Errorf("%s: %v", filter, e)
		}
	}
	for _, filter := range []string{`userName eq "user000007"`, `externalId eq "xuser000007"`, `emails.value eq "user000007@example.com"`, `userName sw "user00000" and externalId eq "xuser000007"`} {
		if v := w.want(200, "GET", "/Users?filter="+url.QueryEscape(filter), ""); v["totalResults"] != 1.0 || namesOf(v)[0] != "user000007" {
			t.Errorf("%s: %v", filter, v)
		}
	}
	v := w.want(200, "GET", "/Users?startIndex=9990&count=3", "")
	if v["totalResults"] != float64(len(accounts)) || namesOf(v)[0] != "user009989" || len(namesOf(v)) != 3 {
		t.Errorf("got %v", v)
	}
	if e := w.want(400, "GET", "/Users?startIndex=10001", ""); e["scimType"] != tooMany {
		t.Errorf("got %v", e)
	}
	seen := 0
	for cursor := ""; ; {
		v := w.want(200, "GET", "/Users?count=500&attributes=userName&cursor="+cursor, "")
		seen += len(namesOf(v))
		next, more := v["nextCursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	if seen != len(accounts) {
		t.Errorf("by cursor: %d of %d", seen, len(accounts))
	}
}
