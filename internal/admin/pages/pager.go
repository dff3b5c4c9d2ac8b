package pages

import (
	"net/url"

	"github.com/usher-id/usher/internal/admin/route"
)

// pageSize is how many rows a list shows.
const pageSize = 50

// pager leads through a list: {{template "pager" .V.Pager}}. Lists go on by cursor, so there is a first and a next page.
type pager struct{ First, Next string }

// newPager makes the links from the address at hand and the next page's cursor.
func newPager(c *route.Call, next string) pager {
	var p pager
	if c.R.URL.Query().Get("cursor") != "" {
		p.First = withQuery(c.R.URL, "cursor", "")
	}
	if next != "" {
		p.Next = withQuery(c.R.URL, "cursor", next)
	}
	return p
}

// withQuery is the address with one parameter set anew, or (empty) left out.
func withQuery(u *url.URL, name, value string) string {
	q := u.Query()
	q.Del("done")
	q.Del(name)
	if value != "" {
		q.Set(name, value)
	}
	if len(q) == 0 {
		return u.Path
	}
	return u.Path + "?" + q.Encode()
}
