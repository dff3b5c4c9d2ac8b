package scim

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store/sqlstore"
)

// What a filter asks many times over, or in many ways, costs about one look at each account. How long each
// took is printed.
func TestCostOfFiltersIsBounded(t *testing.T) {
	w := newWorld(t)
	accounts := make([]oauth.Account, 9900)
	for i := range accounts {
		name := fmt.Sprintf("m%06d", i)
		accounts[i] = oauth.Account{
			ID: oauth.ID{1, byte(i >> 8), byte(i)}, Username: name, Email: name + "@example.com",
			Created: w.m.Now(),
		}
	}
	if err := w.m.Store.(*sqlstore.Store).Fill(t.Context(), accounts, nil, nil); err != nil {
		t.Fatal(err)
	}
	many := func(n int, op, term string) string {
		list := make([]string, n)
		for i := range list {
			list[i] = strings.ReplaceAll(term, "#", strings.Repeat("0", i))
		}
		return strings.Join(list, " "+op+" ")
	}
	for name, test := range map[string]struct {
		filter string
		status int
	}{
		"one term, 240 times":      {many(240, "or", `emails sw "m"`), 200},
		"the same by and":          {many(225, "and", `emails sw "m"`), 200},
		"in brackets":              {many(190, "or", `(emails sw "m")`), 200},
		"overlapping prefixes":     {many(50, "or", `emails sw "m#"`), 200},
		"of two attributes":        {many(25, "or", `userName sw "m#" or emails sw "m#"`), 200},
		"within emails":            {`emails[` + many(50, "or", `value co "m#"`) + `]`, 200},
		"more than there may be":   {many(51, "or", `emails sw "m#"`), 400},
		"more, by turns":           {many(60, "or", `id pr and name co "#"`), 400},
		"more, within brackets":    {many(60, "or", `not (userName co "#")`), 400},
		"equal parts, a row apart": {many(30, "or", `(active pr and userName co "#")`), 400},
	} {
		t.Run(name, func(t *testing.T) {
			if len(test.filter) > maxFilter {
				t.Fatalf("%d bytes", len(test.filter))
			}
			began := time.Now()
			path := "/Users?count=1&filter=" + url.QueryEscape(test.filter)
			w.want(test.status, "GET", path, "")
			t.Logf("%s", time.Since(began))
		})
	}
}
