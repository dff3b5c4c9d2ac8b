package pages

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// desk is an operator in a role at the pages of clients and accounts. What it gets is judged as a page too.
type desk struct {
	*world
	role oauth.Role
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	return &desk{newWorld(t), oauth.RoleAdmin}
}

// page is an answer, as a text.
type page struct{ answer }

func (d *desk) get(path string) page {
	d.Helper()
	return page{d.as(d.role, httptest.NewRequest(http.MethodGet, path, nil))}
}

// post does what the door does before: a role that may not is kept out.
func (d *desk) post(path string, form url.Values) page {
	d.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return page{d.as(d.role, r)}
}

// wants holds the status, and that the page is well made.
func (p page) wants(status int) page {
	p.Helper()
	p.want(status)
	if status == http.StatusOK || status == http.StatusUnprocessableEntity {
		for _, flaw := range flaws(p.answer) {
			p.Error(flaw)
		}
	}
	return p
}

// leads holds where a form leads in the end.
func (p page) leads(to string) {
	p.Helper()
	p.wantRedirect(to)
}

func (p page) has(texts ...string) page {
	p.Helper()
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			p.Errorf("the page lacks %q:\n%s", text, p.body)
		}
	}
	return p
}

func (p page) lacks(texts ...string) page {
	p.Helper()
	for _, text := range texts {
		if strings.Contains(p.body, text) {
			p.Errorf("the page has %q:\n%s", text, p.body)
		}
	}
	return p
}

// shown is the text of the element with the id.
func (p page) shown(id string) string {
	p.Helper()
	found := p.all("*", "id", id)
	if len(found) != 1 {
		p.Fatalf("%d elements have the id %s:\n%s", len(found), id, p.body)
	}
	return found[0].text()
}

// shop makes a client.
func (d *desk) shop(change ...func(*oauth.Client)) oauth.Client {
	d.Helper()
	c := oauth.Client{
		ID: "shop", Name: "Shop", AllowedOrigins: []oauth.OriginPattern{"https://shop.example.com"}, Scope: []string{"openid", "read"},
	}
	c.Capabilities = []oauth.Capability{oauth.CapAssistedToken}
	for _, f := range change {
		f(&c)
	}
	d.must(d.manager.CreatePublicClient(d.Context(), c))
	return d.client(c.ID)
}

func (d *desk) client(id string) oauth.Client {
	d.Helper()
	c, err := d.manager.Client(d.Context(), id)
	d.must(err)
	return c
}

// ann makes an account.
func (d *desk) ann(change ...func(*oauth.Account)) oauth.Account {
	d.Helper()
	acc := oauth.Account{Username: "ann", Name: "Ann Example", Email: "ann@example.com"}
	for _, f := range change {
		f(&acc)
	}
	acc, err := d.manager.CreateAccount(d.Context(), acc, "")
	d.must(err)
	return acc
}

func (d *desk) account(id oauth.ID) oauth.Account {
	d.Helper()
	acc, err := d.manager.Account(d.Context(), id)
	d.must(err)
	return acc
}

// managedBy makes a client one that a file manages.
func (d *desk) managedBy(id, file string) {
	d.Helper()
	c := d.client(id)
	was := c.Version
	c.ManagedBy = file
	d.must(d.manager.Store.PutClient(d.Context(), c, was, store.Audit{ID: newID(), At: d.now, Event: store.EventClientChanged, Count: 1}))
}
