package manage

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

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
