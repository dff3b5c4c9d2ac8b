package manage

import (
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func TestNamesInEveryScript(t *testing.T) {
	m, _ := newManager(t)
	for name, want := range map[string]string{
		"\u202Eevil\u202C \u200Fשלום": "\u202Eevil\u202C \u200Fשלום",
		"👩\u200D🚀 Ann":                "👩\u200D🚀 Ann",
		"<script>alert(1)</script>":   "<script>alert(1)</script>",
		"Zoe\u0308":                   "Zo\u00EB", // NFC
	} {
		acc, err := m.CreateAccount(t.Context(), oauth.Account{Username: "ann", Name: name}, "")
		if err != nil || acc.Name != want {
			t.Errorf("%q: %q, %v", name, acc.Name, err)
		}
		if err := m.RemoveAccount(t.Context(), acc.ID); err != nil {
			t.Fatal(err)
		}
	}
}

func TestControlCharactersAndLongTextAreRefused(t *testing.T) {
	m, _ := newManager(t)
	for _, text := range []string{"a\nb", "a\x1b[2J", "a\u0085", "a\u2028b", "\xff", strings.Repeat("x", 201)} {
		_, err := m.CreateAccount(t.Context(), oauth.Account{Username: "ann", Name: text, ExternalID: text}, "")
		if !isInvalid(err, "name") || !isInvalid(err, "external_id") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAnAccountWithoutAPasswordLetsNobodyIn(t *testing.T) {
	m, _ := newManager(t)
	acc := mustCreate(t, m, "ann")
	if acc.PasswordHash != "" {
		t.Errorf("hash %q", acc.PasswordHash)
	}
	for _, password := range []string{"", words} {
		if ok, _, err := authn.NewHasher().Check(t.Context(), "", acc.PasswordHash, password); ok || err != nil {
			t.Errorf("%q: %t, %v", password, ok, err)
		}
	}
}

func TestAUserNameThatIsTakenIsNoConflict(t *testing.T) {
	m, _ := newManager(t)
	mustCreate(t, m, "ann")
	bob := mustCreate(t, m, "bob")
	if _, _, err := at(m, bob.Version).ChangeAccount(t.Context(), bob.ID, func(a *oauth.Account) { a.Username = "ANN" }); !isInvalid(err, "username") {
		t.Errorf("got %v", err)
	}
	if err := m.RemoveAccount(t.Context(), bob.ID); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, m, "bob")
	page, err := m.Changes(t.Context(), store.ChangeFilter{Kind: store.KindAccount, Subject: bob.ID.String()}, "", 9)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range page.Items {
		if c.Event != store.EventAccountRemoved {
			continue
		}
		if err := m.Undo(t.Context(), c.ID); !isInvalid(err, "username") {
			t.Errorf("undone: %v", err)
		}
	}
}
