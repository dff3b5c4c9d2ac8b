package scim

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

const (
	schemaList   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	schemaSearch = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	defaultCount = 100
)

// query is what a search asks for (RFC 7644 §3.4.2).
type query struct {
	filter        *filter
	start, count  int
	cursor        string
	byCursor      bool // RFC 9865 §2.1
	only, without []string
}

// listResponse is the answer to it.
type listResponse struct {
	Schemas   []string `json:"schemas"`
	Total     *int     `json:"totalResults,omitempty"`
	PerPage   int      `json:"itemsPerPage"`
	Start     int      `json:"startIndex,omitempty"`
	Next      string   `json:"nextCursor,omitempty"`
	Resources []object `json:"Resources"`
}

func (s *Service) list(c *route.Call) error {
	values := c.R.URL.Query()
	q, err := queryOf(values, list(values.Get("attributes")), list(values.Get("excludedAttributes")))
	if err != nil {
		return err
	}
	return s.answerQuery(c, q)
}

// search is list for what is not to stand in an address (RFC 7644 §3.4.3).
func (s *Service) search(c *route.Call) error {
	var sent struct {
		Attributes, ExcludedAttributes    []string
		Filter, SortBy, SortOrder, Cursor *string
		StartIndex, Count                 *int
		Schemas                           []string
	}
	if err := read(c, &sent); err != nil {
		return err
	}
	values := url.Values{}
	for name, v := range map[string]*string{"filter": sent.Filter, "sortBy": sent.SortBy, "sortOrder": sent.SortOrder, "cursor": sent.Cursor} {
		if v != nil {
			values.Set(name, *v)
		}
	}
	for name, v := range map[string]*int{"startIndex": sent.StartIndex, "count": sent.Count} {
		if v != nil {
			values.Set(name, strconv.Itoa(*v))
		}
	}
	q, err := queryOf(values, sent.Attributes, sent.ExcludedAttributes)
	if err != nil {
		return err
	}
	return s.answerQuery(c, q)
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func queryOf(v url.Values, only, without []string) (q query, err error) {
	q.only, q.without = only, without
	if q.start, err = number(v, "startIndex", 1, 1); err != nil { // below 1 is 1, below 0 is 0 (RFC 7644 §3.4.2.4)
		return q, err
	}
	if q.count, err = number(v, "count", defaultCount, 0); err != nil {
		return q, err
	}
	q.count = min(q.count, manage.MaxPage)
	q.cursor, q.byCursor = v.Get("cursor"), v.Has("cursor")
	by, order := v.Get("sortBy"), v.Get("sortOrder")
	if a, ok := parseAttribute(by); by != "" && (!ok || a != (attribute{name: "username"})) {
		return q, bad(invalidValue, "sortBy is userName: no other order is offered.")
	}
	if order != "" && !strings.EqualFold(order, "ascending") {
		return q, bad(invalidValue, "sortOrder is ascending: no other order is offered.")
	}
	if text := v.Get("filter"); text != "" {
		if q.filter, err = parseFilter(text); err == nil {
			err = q.filter.check(allAttributes)
		}
	}
	return q, err
}

func number(v url.Values, name string, otherwise, least int) (int, error) {
	if !v.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v.Get(name))
	if err != nil {
		return 0, bad(invalidValue, "%s is a number.", name)
	}
	return max(n, least), nil
}

func (s *Service) answerQuery(c *route.Call, q query) error {
	leave, err := searches.Enter(c.R.Context(), c.Manage.Actor)
	if err != nil {
		return &scimError{http.StatusServiceUnavailable, "",
			"Too many searches are under way. Try again in a moment."}
	}
	defer leave()
	found, err := s.find(c.R.Context(), c.Manage, q)
	if err != nil {
		return err
	}
	found.Schemas, found.PerPage = []string{schemaList}, len(found.Resources)
	if found.Resources == nil {
		found.Resources = []object{}
	}
	for i := range found.Resources {
		found.Resources[i] = project(found.Resources[i], q.only, q.without)
	}
	return answer(c.W, 200, found)
}

func (s *Service) find(ctx context.Context, m *manage.Manager, q query) (listResponse, error) {
	switch {
	case q.byCursor:
		return s.findByCursor(ctx, m, q)
	case q.filter == nil:
		return s.everybody(ctx, m, q)
	}
	var r listResponse
	n := 0
	take := func(acc *oauth.Account) {
		u := s.userOf(acc)
		if !q.filter.matches(u, allAttributes) {
			return
		}
		if n++; n >= q.start && len(r.Resources) < q.count {
			r.Resources = append(r.Resources, u)
		}
	}
	r.Start, r.Total = q.start, &n
	lookups := plan(q.filter)
	if lookups == nil {
		return r, walk(ctx, m, "", take)
	}
	accounts, err := candidates(ctx, m, lookups)
	for i := range accounts {
		take(&accounts[i])
	}
	return r, err
}

// everybody is the list without a filter. Only what stands before the page is walked through.
func (s *Service) everybody(ctx context.Context, m *manage.Manager, q query) (listResponse, error) {
	total, err := m.Store.CountAccounts(ctx, "")
	r := listResponse{Start: q.start, Total: &total}
	if err != nil || q.count == 0 || q.start > total {
		return r, err
	}
	if q.start > MaxWalk {
		return r, bad(tooMany, "startIndex goes to %d: beyond, page by cursor (RFC 9865).", MaxWalk)
	}
	skip := q.start - 1
	for cursor := ""; len(r.Resources) < q.count; {
		page, err := m.Accounts(ctx, "", cursor, min(skip+q.count-len(r.Resources), manage.MaxPage))
		if err != nil {
			return r, err
		}
		for i := range page.Items {
			if skip > 0 {
				skip--
			} else if len(r.Resources) < q.count {
				r.Resources = append(r.Resources, s.userOf(&page.Items[i]))
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	return r, nil
}

// findByCursor goes on where the page before ended (RFC 9865), in a directory of any size. With a filter, a page may be
// short and yet have a next one: so many accounts were looked at.
func (s *Service) findByCursor(ctx context.Context, m *manage.Manager, q query) (r listResponse, err error) {
	r.Next = q.cursor
	size := max(q.count, 1)
	for looked := 0; looked < MaxWalk && len(r.Resources) == 0; looked += size {
		page, err := m.Accounts(ctx, "", r.Next, size)
		if _, wrong := err.(manage.Invalid); wrong {
			return r, bad("invalidCursor", "This is no cursor of ours: begin with an empty one.")
		}
		if err != nil {
			return r, err
		}
		for i := range page.Items {
			if u := s.userOf(&page.Items[i]); q.filter == nil || q.filter.matches(u, allAttributes) {
				r.Resources = append(r.Resources, u)
			}
		}
		if r.Next = page.Next; r.Next == "" {
			break
		}
	}
	if q.filter == nil {
		total, err := m.Store.CountAccounts(ctx, "")
		r.Total = &total
		return r, err
	}
	return r, nil
}

// project leaves the attributes that were asked for (RFC 7644 §3.9); id and schemas are always among them.
func project(u object, only, without []string) object {
	if len(only) > 0 {
		o := object{"id": u["id"], "schemas": u["schemas"]}
		for _, name := range only {
			a, ok := parseAttribute(name)
			d := find(allAttributes, a.name)
			if !ok || d == nil || a.schema != "" || u[d.Name] == nil {
				continue
			}
			o[d.Name] = merged(o[d.Name], partOf(u[d.Name], a.sub, true))
		}
		return o
	}
	for _, name := range without {
		a, ok := parseAttribute(name)
		d := find(allAttributes, a.name)
		switch {
		case !ok || d == nil || a.schema != "" || d.Name == "id" || u[d.Name] == nil:
		case a.sub == "":
			delete(u, d.Name)
		default:
			u[d.Name] = partOf(u[d.Name], a.sub, false)
		}
	}
	return u
}

// partOf is a value with one part of it alone, or without it.
func partOf(value any, sub string, alone bool) any {
	if sub == "" {
		return value
	}
	pick := func(from object) object {
		o := object{}
		for name, v := range from {
			if strings.EqualFold(name, sub) == alone {
				o[name] = v
			}
		}
		return o
	}
	switch v := value.(type) {
	case object:
		return pick(v)
	case []object:
		some := make([]object, len(v))
		for i := range v {
			some[i] = pick(v[i])
		}
		return some
	}
	return value
}

// merged joins the parts of an attribute that were asked for one by one.
func merged(have, more any) any {
	into, from := objects(have), objects(more)
	if have == nil || len(into) != len(from) {
		return more
	}
	for i := range from {
		for name, v := range from[i] {
			into[i][name] = v
		}
	}
	return have
}
