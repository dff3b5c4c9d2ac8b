package manage

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func TestAClientIsTriedFromTheAdminPagesForAWhile(t *testing.T) {
	m, now := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	manageBy(t, m, "shop", "shop.yaml")
	*now = now.Add(time.Second)
	m.AdminURL = "https://admin.example.com:6749/"
	until, err := m.TryClient(t.Context(), "shop")
	if err != nil || !until.Equal(now.Add(10*time.Minute)) {
		t.Fatalf("%s, %v", until, err)
	}
	wantAudit(t, m, store.EventClientTried, "shop")
	c, err := m.Client(t.Context(), "shop")
	if err != nil || c.TrialOrigin != "https://admin.example.com:6749" || !c.TrialUntil.Equal(until) || len(c.AllowedOrigins) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestWhatCannotBeTriedSaysWhy(t *testing.T) {
	m, _ := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.CreateConfidentialClient(t.Context(), webApp()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.TryClient(t.Context(), "web"); !isInvalid(err, "capabilities") || !strings.Contains(err.Error(), "give it assisted_token") {
		t.Errorf("client: %v", err)
	}
	if _, err := m.TryClient(t.Context(), "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, _, err := m.ChangeProfile(t.Context(), func(p *oauth.Profile) error { p.Capabilities = p.Capabilities[1:]; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := m.TryClient(t.Context(), "shop"); !isInvalid(err, "capabilities") || !strings.Contains(err.Error(), "profile") {
		t.Errorf("profile: %v", err)
	}
}

// parse fails where the code is no JavaScript or TypeScript, and returns it without comments.
func parse(t *testing.T, code string, loader api.Loader) string {
	t.Helper()
	r := api.Transform(code, api.TransformOptions{Loader: loader, Target: api.ES2022, JSX: api.JSXAutomatic, LegalComments: api.LegalCommentsNone})
	for _, e := range r.Errors {
		t.Errorf("%s in:\n%s", e.Text, code)
	}
	return string(r.Code)
}

func TestSnippetsHaveTheClientsValues(t *testing.T) {
	m, _ := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	list, err := m.Snippets(t.Context(), "shop")
	if err != nil || len(list) != 3 {
		t.Fatalf("%d, %v", len(list), err)
	}
	for i, framework := range []string{"javascript", "angular", "react"} {
		s := list[i]
		if s.Framework != framework || !strings.Contains(s.Code, `"shop"`) || !strings.Contains(s.Code, "https://id.example.com") ||
			!strings.Contains(s.Code, "assisted-token.min.js") || !strings.Contains(s.Code, `"https://shop.example.com"`) {
			t.Errorf("%s:\n%s", framework, s.Code)
		}
	}
	parse(t, scriptOf(t, list[0].Code), api.LoaderJS)
	parse(t, list[1].Code, api.LoaderTS)
	parse(t, list[2].Code, api.LoaderTSX)
}

// scriptOf is the last script in a page.
func scriptOf(t *testing.T, page string) string {
	t.Helper()
	_, script, found := strings.Cut(page, "<script>")
	script, _, closed := strings.Cut(script, "</script>")
	if !found || !closed || strings.Count(page, "</script>") != 2 {
		t.Errorf("no script in:\n%s", page)
	}
	return script
}

func TestNoValueBreaksOutOfASnippet(t *testing.T) {
	m, _ := newManager(t)
	evil := "x\"'`</script><script>alert(1)</script>\n\u2028*/alert(2)//${alert(3)}"
	c := spa()
	c.ID, c.AllowedOrigins = evil, []oauth.OriginPattern{oauth.OriginPattern(evil)}
	if err := m.Store.PutClient(t.Context(), c, 0, store.Audit{}); err != nil { // validation refuses it long before
		t.Fatal(err)
	}
	m.BaseURL = "https://id.example.com/\"></script><script>alert(4)</script>"
	list, err := m.Snippets(t.Context(), evil)
	if err != nil {
		t.Fatal(err)
	}
	for i, loader := range []api.Loader{api.LoaderJS, api.LoaderTS, api.LoaderTSX} {
		code := list[i].Code
		if loader == api.LoaderJS {
			code = scriptOf(t, code)
		}
		// Whatever is left of the values is within one literal, which the parser writes in its own way.
		for line := range strings.Lines(parse(t, code, loader)) {
			if before, _, found := strings.Cut(line, "alert("); found && strings.Count(before, "`")+strings.Count(before, `"`)+strings.Count(before, "'") == 0 {
				t.Errorf("%s: %s", list[i].Framework, line)
			}
		}
	}
}

func TestAClientWithoutTheFlowHasNoSnippets(t *testing.T) {
	m, _ := newManager(t)
	if _, err := m.CreateConfidentialClient(t.Context(), webApp()); err != nil {
		t.Fatal(err)
	}
	if list, err := m.Snippets(t.Context(), "web"); err != nil || list == nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}
