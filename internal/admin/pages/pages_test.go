package pages

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// paths are the addresses of every page that is asked for by GET, with what furnish made in them.
func (w *world) paths() []string {
	w.Helper()
	changes, err := w.manager.Changes(w.Context(), store.ChangeFilter{Kind: store.KindClient, Subject: "shop"}, "", 10)
	w.must(err)
	keys, err := w.manager.Keys(w.Context())
	w.must(err)
	ids := map[string]string{"clients": "shop", "accounts": w.odd.ID.String(), "keys": keys[0].ID, "changes": changes.Items[0].ID.String(), "operators": w.ada.ID.String()}
	ids["sessions"], ids["delegations"] = oauth.ID{1}.String(), oauth.ID{2}.String()
	var paths []string
	for _, rt := range w.pages.Routes() {
		method, path, _ := strings.Cut(rt.Pattern, " ")
		if method != http.MethodGet || slices.Contains([]string{"/admin/audit/export", "/admin/files/usher.yaml"}, path) {
			continue
		}
		section := strings.Split(path, "/")
		if len(section) > 2 {
			path = strings.ReplaceAll(path, "{id}", ids[section[2]])
		}
		path = strings.ReplaceAll(path, "{client}", "shop")
		switch path {
		case "/admin/profile/scope/remove", "/admin/profile/scope":
			paths = append(paths, path+"?name=read")
		}
		if path != "/admin/profile/scope/remove" {
			paths = append(paths, path)
		}
	}
	return append(paths, "/admin?span=month", "/admin/audit?follow=yes", "/admin/audit?user="+url.QueryEscape(w.odd.Username), "/admin/changes?kind=client&subject=shop",
		"/admin/clients?q=shop", "/admin/nothing-here")
}

func TestEveryOperationIsReachable(t *testing.T) {
	var ops []manage.Operation
	for _, rt := range New(Options{}).Routes() {
		if _, known := manage.Least(rt.Op); !known {
			t.Errorf("%s does %q, which nobody may", rt.Pattern, rt.Op)
		}
		ops = append(ops, rt.Op)
	}
	for _, op := range manage.Operations() {
		if !slices.Contains(ops, op) {
			t.Errorf("no page does %s", op)
		}
	}
}

// What a page is by itself, whatever is on it.
func TestEveryPageIsWellMade(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	for _, path := range w.paths() {
		for _, role := range []oauth.Role{oauth.RoleAdmin, oauth.RoleViewer} {
			a := w.as(role, httptest.NewRequest("GET", path, nil))
			if path == "/admin/nothing-here" {
				continue // the door's
			}
			if a.status != http.StatusOK {
				t.Errorf("%s as %s: status %d: %.300s", path, role, a.status, a.text())
				continue
			}
			for _, problem := range flaws(a) {
				t.Errorf("%s as %s: %s", path, role, problem)
			}
		}
	}
}

var handlerAttribute = regexp.MustCompile(`^on[a-z]+$`)

// flaws are what no page of ours may have, and what each has to have.
func flaws(a answer) []string {
	var list []string
	for _, name := range []string{"h1", "title", "main", "bar"} {
		found := len(a.all(name, "", ""))
		if name == "bar" {
			found = len(a.all("header", "class", "bar"))
		}
		if name == "title" {
			found = 0
			for _, n := range a.all("head", "", "") {
				for _, kid := range n.kids {
					if kid.name == "title" && len(kid.text()) > len(" · usher") {
						found++
					}
				}
			}
		}
		if found != 1 {
			list = append(list, "it has not one "+name)
		}
	}
	ids := map[string]bool{}
	level := 0
	for n := range a.doc.walk() {
		for key, value := range n.attrs {
			switch {
			case handlerAttribute.MatchString(key) || key == "style":
				list = append(list, "<"+n.name+"> has "+key)
			case key == "id" && ids[value]:
				list = append(list, "two elements have the id "+value)
			case key == "href" && strings.HasPrefix(value, "javascript:"), strings.Contains(value, "ZgotmplZ"):
				list = append(list, key+" is "+value)
			case key == "id":
				ids[value] = true
			}
		}
		switch n.name {
		case "style":
			list = append(list, "it has a style of its own")
		case "script":
			if n.text() != "" || !strings.HasPrefix(n.attrs["src"], StaticPath) || n.attrs["nonce"] == "" {
				list = append(list, "a script is not one of ours: "+n.text())
			}
		case "table":
			if len(n.kids) == 0 || !slices.ContainsFunc(n.kids, func(kid *node) bool { return kid.name == "caption" }) {
				list = append(list, "a table has no caption")
			}
		case "h1", "h2", "h3":
			next := int(n.name[1] - '0')
			if next > level+1 && level > 0 {
				list = append(list, "heading "+n.text()+" skips a level")
			}
			level = next
		case "button":
			if n.text() == "" {
				list = append(list, "a button says nothing")
			}
		}
	}
	list = append(list, nameless(a, ids)...)
	return list
}

// nameless are fields without a label, and references to nothing.
func nameless(a answer, ids map[string]bool) []string {
	var list []string
	labelled := map[string]bool{}
	for _, l := range a.all("label", "", "") {
		labelled[l.attrs["for"]] = true
	}
	for n := range a.doc.walk() {
		for _, key := range []string{"aria-describedby", "aria-labelledby", "for"} {
			for _, id := range strings.Fields(n.attrs[key]) {
				if !ids[id] {
					list = append(list, key+" names nothing: "+id)
				}
			}
		}
		field := n.name == "input" || n.name == "select" || n.name == "textarea"
		if field && n.attrs["type"] != "hidden" && !n.has("hidden") && !labelled[n.attrs["id"]] && n.attrs["aria-label"] == "" {
			list = append(list, "a field has no label: "+n.attrs["name"])
		}
	}
	return list
}

// Names are text, whatever they are.
func TestNamesAreText(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	for _, path := range w.paths() {
		if body := w.get(path).body; strings.Contains(body, hostileName) || strings.Contains(body, "<b>bold") {
			t.Errorf("%s shows a name as markup", path)
		}
	}
	w.get("/admin/clients").wantText(hostileName)
	w.get("/admin/clients/shop").wantText(hostileName)
	w.get("/admin/accounts/" + w.odd.ID.String()).wantText("אבג 🦉")
}

func TestHeadersOfPages(t *testing.T) {
	w := newWorld(t)
	h := w.get("/admin").want(http.StatusOK).header
	csp := h.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "'nonce-", "frame-ancestors 'none'", "connect-src 'self'", "base-uri 'none'", "frame-src https://id.example"} {
		if !strings.Contains(csp, part) {
			t.Errorf("policy lacks %s: %s", part, csp)
		}
	}
	if h.Get("Cache-Control") != "no-store" || h.Get("X-Frame-Options") != "DENY" {
		t.Errorf("headers: %v", h)
	}
}

func TestStaticFilesHaveTheHashOfTheirContent(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"admin.css", "admin.js"} {
		rec := httptest.NewRecorder()
		w.pages.Static(rec, httptest.NewRequest("GET", assetPath(name), nil))
		if rec.Code != http.StatusOK || rec.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || rec.Body.Len() == 0 {
			t.Errorf("%s: %d %v", name, rec.Code, rec.Header())
		}
		rec = httptest.NewRecorder()
		w.pages.Static(rec, httptest.NewRequest("GET", StaticPath+name, nil))
		if rec.Code != http.StatusNotFound {
			t.Errorf("%s without its hash: %d", name, rec.Code)
		}
	}
}

// What the caller may not do is not offered.
func TestViewersAreOfferedNothingThatChanges(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	var changing []string // addresses that viewers may not use
	for _, rt := range w.pages.Routes() {
		if !manage.Allowed(oauth.RoleViewer, rt.Op) {
			_, path, _ := strings.Cut(rt.Pattern, " ")
			changing = append(changing, "^"+strings.ReplaceAll(regexp.QuoteMeta(path), `\{id\}`, "[^/]+")+"$")
		}
	}
	forbidden := regexp.MustCompile(strings.Join(changing, "|"))
	for _, path := range w.paths() {
		u, err := url.Parse(path)
		w.must(err)
		if forbidden.MatchString(u.Path) {
			continue // the door keeps viewers out of it
		}
		a := w.as(oauth.RoleViewer, httptest.NewRequest("GET", path, nil))
		for n := range a.doc.walk() {
			for _, key := range []string{"href", "action"} {
				target, _, _ := strings.Cut(n.attrs[key], "?")
				if n.has(key) && forbidden.MatchString(target) {
					t.Errorf("%s offers a viewer %s", path, n.attrs[key])
				}
			}
		}
	}
}
