package manage

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// fileSecret is long enough for one that was made elsewhere.
const fileSecret = "a-secret-of-32-or-more-characters"

// withSecret answers every reference with the secret.
func withSecret(secret string) FileOptions {
	return FileOptions{Secret: func(SecretReference) (string, error) { return secret, nil }}
}

func planOf(t *testing.T, m *Manager, text string, o FileOptions) *Plan {
	t.Helper()
	p, err := m.PlanFile(t.Context(), []byte(text), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

func applyFile(t *testing.T, m *Manager, text string, o FileOptions) *Plan {
	t.Helper()
	p := planOf(t, m, text, o)
	if err := m.Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

// brief writes a plan in a line a change.
func brief(p *Plan) []string {
	var list []string
	for _, c := range p.Changes {
		fields := []string{}
		for _, d := range c.Differences {
			fields = append(fields, d.Field)
		}
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s: %s", c.Action, c.Kind, c.Subject, strings.Join(fields, " "))))
	}
	return list
}

func wantPlan(t *testing.T, p *Plan, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, brief(p)); diff != "" {
		t.Error(diff)
	}
}

func clientIs(t *testing.T, m *Manager, id string) oauth.Client {
	t.Helper()
	c, err := m.Client(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const shopFile = `usher: 1
clients:
  - id: shop
    name: Shop
    capabilities: [assisted_token]
    allowed_origins: [https://shop.example.com]
    scope: [openid, read]
`

const namedShopFile = "name: ops\n" + shopFile

// everything is a client with each setting that there is, by reflection, so that a new one cannot be forgotten.
func everyClientSetting(t *testing.T) oauth.Client {
	t.Helper()
	var c oauth.Client
	v := reflect.ValueOf(&c).Elem()
	for name, field := range clientKeys {
		f := v.FieldByIndex(field.Index)
		switch {
		case field.Type == reflect.TypeFor[json.RawMessage]():
			f.SetBytes([]byte(`{"keys":[{"kty":"EC","n":1,"b":true,"x":null,"kid":"true"}]}`))
		case f.Kind() == reflect.String:
			f.SetString("1: text of " + name + " # 'é'")
		case f.Kind() == reflect.Bool:
			f.SetBool(true)
		case f.Kind() == reflect.Int:
			f.SetInt(7)
		case f.Kind() == reflect.Pointer:
			zero := 0
			f.Set(reflect.ValueOf(&zero))
		case f.Kind() == reflect.Slice:
			f.Set(reflect.MakeSlice(field.Type, 2, 2))
			f.Index(0).SetString("yes")
			f.Index(1).SetString("second: of " + name)
		default:
			t.Fatalf("%s is of a kind that no file can say", name)
		}
	}
	return c
}

func TestAFileSaysEverySettingOfAClient(t *testing.T) {
	c := everyClientSetting(t)
	text, err := yamlOf(documentOf(clientInFile(&c)))
	if err != nil {
		t.Fatal(err)
	}
	file, err := encodeFile(text)
	if err != nil {
		t.Fatal(err)
	}
	doc, faults := readFile([]byte("usher: 1\nclients:\n- " + strings.ReplaceAll(string(file), "\n", "\n  ")))
	if err := faults.err(); err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	if diff := cmp.Diff(c, doc.clients[0].value); diff != "" {
		t.Error(diff)
	}
}

func TestWhatTheServerKeepsOfAClientIsInNoFile(t *testing.T) {
	for _, key := range []string{
		"secret_hash", "wrapped_secret", "registration_token_hash", "registered", "revoked_before", "trial_origin", "trial_until",
		"managed_by", "version",
	} {
		if _, known := clientKeys[key]; known {
			t.Errorf("%s can be set by a file", key)
		}
	}
	if _, known := profileKeys["pairwise_salt"]; known {
		t.Error("pairwise_salt can be set by a file")
	}
}

func TestApplyingAnExportChangesNothing(t *testing.T) {
	m, _ := newManager(t)
	ctx := t.Context()
	pair := spa()
	pair.ID, pair.SubjectType, pair.Name = "pair", oauth.SubjectPairwise, "1"
	keys := webApp()
	age := 0
	keys.ID, keys.AuthMethod, keys.JWKS, keys.DefaultMaxAge = "keys", oauth.AuthPrivateKeyJWT, jwks(t, testKeys().ec), &age
	for _, c := range []oauth.Client{spa(), pair, keys} {
		if err := m.CreatePublicClient(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	jwt := webApp()
	jwt.ID, jwt.AuthMethod = "jwt", oauth.AuthSecretJWT
	for _, c := range []oauth.Client{webApp(), jwt} {
		if _, err := m.CreateConfidentialClient(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := m.ChangeProfile(ctx, func(p *oauth.Profile) error {
		p.RefreshSeconds, p.DefaultScope = 0, []string{"openid"}
		p.Scopes[0].Description = "yes: \"#\" 'no'"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "name: ops\n"} {
		text, err := m.Export(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if name != "" { // now one file manages it all
			applyFile(t, m, name+string(text), FileOptions{})
			if text, err = m.Export(ctx); err != nil || !strings.Contains(string(text), "\nname: ops\n") {
				t.Fatalf("the export of what one file manages lacks its name: %v\n%s", err, text)
			}
		}
		before, err := m.Store.Revision(ctx)
		if err != nil {
			t.Fatal(err)
		}
		p := applyFile(t, m, string(text), FileOptions{})
		wantPlan(t, p)
		after, err := m.Store.Revision(ctx)
		if err != nil || after != before {
			t.Errorf("revision %d became %d, %v", before, after, err)
		}
		if p := applyFile(t, m, string(text), FileOptions{Prune: name != ""}); len(p.Notes) > 0 {
			t.Errorf("notes: %v", p.Notes)
		}
	}
}

func TestApplyingAnExportOfAMixedServerChangesNothing(t *testing.T) {
	m, _ := newManager(t)
	applyFile(t, m, namedShopFile, FileOptions{})
	other := spa()
	other.ID = "other"
	if err := m.CreatePublicClient(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	text, err := m.Export(t.Context())
	if err != nil || strings.Contains(string(text), "\nname:") {
		t.Fatalf("%v\n%s", err, text)
	}
	wantPlan(t, applyFile(t, m, string(text), FileOptions{}))
}

func TestAnExportHasNoSecretNorClientsThatAreTheServers(t *testing.T) {
	m, _ := newManager(t)
	ctx := t.Context()
	secret, err := m.CreateConfidentialClient(ctx, webApp())
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.RegisterClient(ctx, oauth.Client{
		Capabilities: []oauth.Capability{oauth.CapCode}, RedirectURIs: []string{"https://rp.example/cb"},
		ClientAuthentication: oauth.ClientAuthentication{AuthMethod: oauth.AuthNone},
	})
	if err != nil {
		t.Fatal(err)
	}
	admin := spa()
	admin.ID = oauth.AdminClientID
	if err := m.Store.PutClient(ctx, admin, 0, store.Audit{}); err != nil {
		t.Fatal(err)
	}
	text, err := m.Export(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{secret, "hash", "salt", r.Client.ID, oauth.AdminClientID} {
		if strings.Contains(string(text), never) {
			t.Errorf("the export has %q:\n%s", never, text)
		}
	}
	if !strings.Contains(string(text), "secret: keep") {
		t.Errorf("the export does not say that there is a secret:\n%s", text)
	}
	for _, id := range []string{r.Client.ID, oauth.AdminClientID, "usher-x"} {
		_, err := m.PlanFile(ctx, []byte(strings.Replace(shopFile, "id: shop", "id: "+id, 1)), FileOptions{})
		if f := faultsOf(t, err); len(f) != 1 || f[0].Field != "clients."+id+".id" || f[0].Line != 3 {
			t.Errorf("%s in a file: %v", id, err)
		}
	}
}

func faultsOf(t *testing.T, err error) FileFaults {
	t.Helper()
	var f FileFaults
	if !errors.As(err, &f) {
		t.Fatalf("no faults but: %v", err)
	}
	return f
}

func TestAFileCreatesThenChangesThenNothing(t *testing.T) {
	m, _ := newManager(t)
	wantPlan(t, applyFile(t, m, shopFile, FileOptions{}), "create client shop: allowed_origins capabilities id name scope")
	wantPlan(t, applyFile(t, m, shopFile, FileOptions{}))
	if c := clientIs(t, m, "shop"); c.ManagedBy != "" || c.Version != 1 {
		t.Errorf("got %+v", c)
	}
	changed := strings.Replace(shopFile, "name: Shop", "disabled: true", 1)
	wantPlan(t, applyFile(t, m, changed, FileOptions{}), "change client shop: disabled name")
	c := clientIs(t, m, "shop")
	if !c.Disabled || c.Name != "shop" || !c.RevokedBefore.Equal(m.Now()) {
		t.Errorf("got %+v", c)
	}
}

func TestAPlanChangesNothing(t *testing.T) {
	m, _ := newManager(t)
	planOf(t, m, shopFile, FileOptions{})
	if _, err := m.Client(t.Context(), "shop"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a dry run made a client: %v", err)
	}
}

func TestWhatAFileStatesItStatesCompletely(t *testing.T) {
	m, _ := newManager(t)
	c := spa()
	c.ConsentRequired, c.AccessTokenSeconds = true, 60
	if err := m.CreatePublicClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	wantPlan(t, applyFile(t, m, shopFile, FileOptions{}), "change client shop: access_token_seconds consent_required")
	if _, _, err := m.ChangeProfile(t.Context(), func(p *oauth.Profile) error { p.IDTokenSeconds = 77; return nil }); err != nil {
		t.Fatal(err)
	}
	wantPlan(t, applyFile(t, m, "usher: 1\nprofile:\n  access_token_seconds: 60\n", FileOptions{}), "change profile : access_token_seconds id_token_seconds")
}

func TestANamedFileManagesWhatItStates(t *testing.T) {
	m, _ := newManager(t)
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	wantPlan(t, applyFile(t, m, namedShopFile, FileOptions{}), "change client shop: managed_by")
	if by := clientIs(t, m, "shop").ManagedBy; by != "ops" {
		t.Errorf("managed by %q", by)
	}
	wantPlan(t, applyFile(t, m, namedShopFile, FileOptions{}))
	// A file without a name may say the same, and nothing else.
	wantPlan(t, applyFile(t, m, shopFile, FileOptions{}))
	for _, text := range []string{
		strings.Replace(namedShopFile, "ops", "other", 1),
		strings.Replace(shopFile, "name: Shop", "name: Other", 1),
	} {
		_, err := m.PlanFile(t.Context(), []byte(text), FileOptions{})
		if f := faultsOf(t, err); len(f) != 1 || !strings.Contains(f[0].Problem, "managed by ops") {
			t.Errorf("%v\n%s", err, text)
		}
	}
	applyFile(t, m, "usher: 1\nname: ops\nprofile: {}\n", FileOptions{})
	if p, err := m.Profile(t.Context()); err != nil || p.ManagedBy != "ops" {
		t.Errorf("profile managed by %q, %v", p.ManagedBy, err)
	}
	_, err := m.PlanFile(t.Context(), []byte("usher: 1\nname: other\nprofile: {}\n"), FileOptions{})
	if f := faultsOf(t, err); len(f) != 1 || f[0].Field != "profile" {
		t.Errorf("%v", err)
	}
}

func TestPruneRemovesWhatTheFileManagedBefore(t *testing.T) {
	m, _ := newManager(t)
	other := spa()
	other.ID = "other"
	if err := m.CreatePublicClient(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	applyFile(t, m, namedShopFile, FileOptions{})
	const empty = "usher: 1\nname: ops\nclients: []\n"
	p := applyFile(t, m, empty, FileOptions{})
	wantPlan(t, p)
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "client shop") {
		t.Errorf("notes: %v", p.Notes)
	}
	p = applyFile(t, m, empty, FileOptions{Prune: true})
	if len(p.Changes) != 1 || p.Changes[0].Action != PlanRemove || p.Changes[0].Subject != "shop" {
		t.Errorf("planned: %v", brief(p))
	}
	if _, err := m.Client(t.Context(), "shop"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("shop is still there: %v", err)
	}
	clientIs(t, m, "other")
	_, err := m.PlanFile(t.Context(), []byte("usher: 1\n"), FileOptions{Prune: true})
	if f := faultsOf(t, err); f[0].Field != "name" {
		t.Errorf("pruned without a name: %v", err)
	}
}

func TestScopesAreThoseOfTheProfileAsItWillBe(t *testing.T) {
	m, _ := newManager(t)
	const profile = "usher: 1\nprofile:\n  scopes:\n    - {name: openid, description: Who you are}\n    - {name: orders, description: Your orders}\n"
	clients := strings.ReplaceAll(strings.TrimPrefix(shopFile, "usher: 1\n"), "read", "orders")
	p := applyFile(t, m, profile+clients, FileOptions{})
	wantPlan(t, p, "change profile : scopes", "create client shop: allowed_origins capabilities id name scope")
	// The same client with a scope that goes; and a profile that takes the scope of a client that the file leaves alone.
	_, err := m.PlanFile(t.Context(), []byte(profile+strings.TrimPrefix(shopFile, "usher: 1\n")), FileOptions{})
	if f := faultsOf(t, err); len(f) != 1 || f[0].Field != "clients.shop.scope" || f[0].Line != 11 {
		t.Errorf("%v", err)
	}
	_, err = m.PlanFile(t.Context(), []byte("usher: 1\nprofile: {}\n"), FileOptions{})
	if f := faultsOf(t, err); len(f) != 1 || f[0].Field != "profile.scopes" || !strings.Contains(f[0].Problem, "shop") {
		t.Errorf("%v", err)
	}
}

func TestThePlanOfOneServerIsNoLongerGoodWhenItChanged(t *testing.T) {
	ctx := t.Context()
	for name, meanwhile := range map[string]func(*Manager) error{
		"the client": func(m *Manager) error {
			_, _, err := m.ChangeClient(ctx, "shop", func(c *oauth.Client) { c.ConsentRequired = true })
			return err
		},
		"the client is gone": func(m *Manager) error { return m.RemoveClient(ctx, "shop") },
		"a client is made": func(m *Manager) error {
			c := spa()
			c.ID = "new"
			return m.CreatePublicClient(ctx, c)
		},
		"the profile": func(m *Manager) error {
			_, _, err := m.ChangeProfile(ctx, func(p *oauth.Profile) error { p.IDTokenSeconds = 77; return nil })
			return err
		},
	} {
		m, _ := newManager(t)
		if err := m.CreatePublicClient(ctx, spa()); err != nil {
			t.Fatal(err)
		}
		second := strings.TrimPrefix(strings.Replace(shopFile, "id: shop", "id: new", 1), "usher: 1\nclients:\n")
		p := planOf(t, m, strings.Replace(shopFile, "name: Shop", "name: Other", 1)+second, FileOptions{})
		if err := meanwhile(m); err != nil {
			t.Fatal(err)
		}
		var conflict *Conflict
		if err := m.Apply(ctx, p); !errors.As(err, &conflict) || conflict.Current == nil {
			t.Errorf("%s changed meanwhile: %v", name, err)
		}
		if c, err := m.Client(ctx, "shop"); err == nil && c.Name == "Other" {
			t.Errorf("%s changed meanwhile, and the plan was applied in part", name)
		}
	}
}

func TestAScopeThatAPlanTakesAwayMayHaveFoundAClientMeanwhile(t *testing.T) {
	m, _ := newManager(t)
	p := planOf(t, m, "usher: 1\nprofile: {scopes: [{name: openid, description: Who you are}]}\n", FileOptions{})
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(t.Context(), p); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v", err)
	}
}

func TestAnotherPlanHasAnotherFingerprint(t *testing.T) {
	m, _ := newManager(t)
	first, same := planOf(t, m, shopFile, FileOptions{}), planOf(t, m, shopFile, FileOptions{})
	other := planOf(t, m, strings.Replace(shopFile, "name: Shop", "name: Other", 1), FileOptions{})
	if first.Fingerprint == "" || first.Fingerprint != same.Fingerprint || first.Fingerprint == other.Fingerprint {
		t.Errorf("%q, %q, %q", first.Fingerprint, same.Fingerprint, other.Fingerprint)
	}
}

func TestApplyLeavesARecordOfTheWholeAndOfEachChange(t *testing.T) {
	m, now := newManager(t)
	*now = now.Add(time.Hour)
	applyFile(t, m, strings.Replace(namedShopFile, "clients:", "profile: {access_token_seconds: 60}\nclients:", 1), FileOptions{})
	page, err := m.Audits(t.Context(), store.AuditFilter{From: *now}, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range page.Items {
		got = append(got, fmt.Sprintf("%s %s %s: %s", a.Actor, a.Event, a.ClientID, a.Detail))
	}
	slices.Sort(got)
	want := []string{
		"cli:test applied : ops: profile changed, 1 clients created",
		"cli:test client_changed shop: created by ops",
		"cli:test profile_changed : by ops",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	changes, err := m.Changes(t.Context(), store.ChangeFilter{Kind: store.KindClient}, "", 10)
	if err != nil || len(changes.Items) != 1 {
		t.Fatalf("%v, %v", changes, err)
	}
	_, differences, err := m.Change(t.Context(), changes.Items[0].ID)
	if err != nil || !slices.ContainsFunc(differences, func(d Difference) bool { return d.Field == "managed_by" }) {
		t.Errorf("%v, %v", differences, err)
	}
}

func TestAPairwiseClientBringsTheSalt(t *testing.T) {
	m, _ := newManager(t)
	text := strings.Replace(shopFile, "name: Shop", "subject_type: pairwise", 1)
	wantPlan(t, applyFile(t, m, text, FileOptions{}), "create client shop: allowed_origins capabilities id name scope sector_identifier subject_type")
	p, err := m.Profile(t.Context())
	if err != nil || len(p.PairwiseSalt) != pairwiseSalt {
		t.Errorf("salt %x, %v", p.PairwiseSalt, err)
	}
	// The sector stays where the file does not name it, also with other hosts.
	wantPlan(t, applyFile(t, m, strings.Replace(text, "shop.example.com", "new.example.com", 1), FileOptions{}), "change client shop: allowed_origins")
}

func TestEveryFaultHasItsLine(t *testing.T) {
	m, _ := newManager(t)
	_, err := m.PlanFile(t.Context(), []byte(`usher: 1
name: ""
profile:
  acces_token_seconds: 60
  id_token_seconds: 1
  scopes:
    - {name: openid, description: Who you are}
    - name: "a b"
      description: x
    - {name: read, description: y, max_age: 1}
clients:
  - id: shop
    name: Shop
    name: Again
    capabilities: [assisted_token, magic]
    allowed_origins:
      - https://shop.example.com
      - ftp://x
    scope: [openid, nothing]
    access_token_seconds: "60"
    consent_required: yes
    secret_hash: AAAA
  - id: shop
  - name: nobody
    capabilities: assisted_token
  - just text
extra: true
`), FileOptions{})
	var got []string
	for _, f := range faultsOf(t, err) {
		got = append(got, fmt.Sprintf("%d %s", f.Line, f.Field))
	}
	want := []string{
		"2 name", "4 profile.acces_token_seconds", "5 profile.id_token_seconds", "8 profile.scopes", "10 profile.scopes.max_age",
		"14 clients.shop.name", "15 clients.shop.capabilities", "18 clients.shop.allowed_origins", "19 clients.shop.scope",
		"20 clients.shop.access_token_seconds", "21 clients.shop.consent_required", "22 clients.shop.secret_hash",
		"23 clients.shop.id", "24 clients[3].id", "25 clients[3].capabilities", "26 clients[4]", "27 extra",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%v", diff, err)
	}
	if !strings.Contains(err.Error(), "acces_token_seconds: unknown: did you mean access_token_seconds?") {
		t.Errorf("no hint in: %v", err)
	}
	if page, err := m.Clients(t.Context()); err != nil || len(page) != 0 {
		t.Errorf("a bad file left %v, %v", page, err)
	}
}

func TestFilesThatAreNoFiles(t *testing.T) {
	m, _ := newManager(t)
	for name, tc := range map[string]struct {
		text, problem string
		line          int
	}{
		"empty":              {"", "empty", 1},
		"only a comment":     {"# hello\n", "empty", 1},
		"no mapping":         {"- usher", "settings", 1},
		"no version":         {"clients: []\n", "version of the format is missing", 1},
		"another version":    {"\nusher: 2\n", "version 2 is unknown", 2},
		"bad YAML":           {"usher: 1\nclients: [\n", "no YAML", 3},
		"no such anchor":     {"usher: 1\nname: *x\n", "unknown anchor", 2},
		"indentation":        {"usher: 1\nclients:\n  - id: a\n   name: b\n", "indentation", 3},
		"colon":              {"usher: 1\nname: b: c\n", "no YAML", 2},
		"two documents":      {"usher: 1\n---\nusher: 1\n", "second document", 2},
		"bad second":         {"usher: 1\n---\n]\n", "no YAML", 3},
		"null":               {"usher: 1\nclients:\n", "no value", 2},
		"no UTF-8":           {"usher: 1\nname: \xff\n", "no text in UTF-8", 2},
		"NUL":                {"usher: 1\nname: a\x00\n", "no text in UTF-8", 2},
		"alias":              {"usher: 1\nname: &a x\nclients: *a\n", "anchors and aliases", 2},
		"merge":              {"usher: 1\n<<: {name: x}\n", "unknown", 2},
		"number as text":     {"usher: 1\nname: 12\n", "in quotes", 2},
		"key that is a list": {"usher: 1\n? [a]\n: 1\n", "plain text", 2},
		"too long":           {"usher: 1\n#" + strings.Repeat("x", MaxFile), "more than 16 MiB", 1},
		"too many parts":     {"usher: 1\nclients: [" + strings.Repeat("1,", maxFileParts) + "]", "too many entries", 1},
		"too deep":           {"usher: 1\nclients: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested deeper", 2},
		"far too deep":       {"usher: 1\nclients: " + strings.Repeat("[", 50000), "no YAML", 2},
		"bomb":               {"usher: 1\na: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n", "anchors and aliases", 2},
	} {
		_, err := m.PlanFile(t.Context(), []byte(tc.text), FileOptions{})
		if f := faultsOf(t, err); !strings.Contains(f[0].Problem, tc.problem) || f[0].Line != tc.line {
			t.Errorf("%s: want %q on line %d, got line %d: %.200s", name, tc.problem, tc.line, f[0].Line, f[0].Problem)
		}
	}
}

func TestTheAnswerToAFileOfFaultsIsBounded(t *testing.T) {
	m, _ := newManager(t)
	_, err := m.PlanFile(t.Context(), []byte("usher: 1\nclients: ["+strings.Repeat("1,", 3*maxFaults)+"]"), FileOptions{})
	if f := faultsOf(t, err); len(f) != maxFaults+1 || !strings.Contains(f[maxFaults].Problem, "more faults") {
		t.Errorf("%d faults", len(f))
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add([]byte(shopFile))
	f.Add([]byte("usher: 1\nname: x\nprofile: {scopes: [{name: openid, description: x}]}\nclients: [{id: a, secret: {env: X}, jwks: {keys: [{a: 1}]}}]\n"))
	f.Add([]byte("usher: 1\n---\na: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, faults := readFile(text)
		lines := 1 + strings.Count(string(text), "\n") + strings.Count(string(text), "\r") +
			strings.Count(string(text), "\u2028") + strings.Count(string(text), "\u2029") + strings.Count(string(text), "\u0085")
		for _, one := range faults.list {
			if one.Line < 1 || one.Line > lines+1 {
				t.Errorf("line %d of %d: %s", one.Line, lines, one.Problem)
			}
		}
		if len(faults.list) > 0 {
			return
		}
		// What was read without a fault is written and read again as the same.
		for _, c := range doc.clients {
			n, err := yamlOf(documentOf(clientInFile(&c.value)))
			if err != nil {
				t.Fatal(err)
			}
			file, err := encodeFile(n)
			if err != nil {
				t.Fatal(err)
			}
			again, faults := readFile([]byte("usher: 1\nclients:\n- " + strings.ReplaceAll(string(file), "\n", "\n  ")))
			if len(faults.list) > 0 || len(again.clients) != 1 {
				t.Fatalf("%v\n%s", faults.err(), file)
			}
			was, is := documentOf(clientInFile(&c.value)), documentOf(clientInFile(&again.clients[0].value))
			if !sameJSON(was, is) {
				t.Errorf("%s became %s", was, is)
			}
		}
	})
}
