package manage

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

const secretFile = `usher: 1
clients:
  - id: web
    capabilities: [code]
    redirect_uris: [https://web.example.com/cb]
    token_endpoint_auth_method: client_secret_basic
    secret: {env: WEB_SECRET}
`

func TestASecretByReferenceIsStoredAsItsHash(t *testing.T) {
	m, _ := newManager(t)
	var asked []SecretReference
	o := FileOptions{Secret: func(r SecretReference) (string, error) {
		asked = append(asked, r)
		return fileSecret, nil
	}}
	p := applyFile(t, m, secretFile, o)
	if c := clientIs(t, m, "web"); !slices.Equal(c.SecretHash, HashSecret(fileSecret)) {
		t.Errorf("stored %x", c.SecretHash)
	}
	if text := string(documentOf(p)); strings.Contains(text, fileSecret) || !strings.Contains(text, `"field":"secret"`) {
		t.Errorf("the plan shows %s", text)
	}
	wantPlan(t, applyFile(t, m, secretFile, o))
	wantPlan(t, applyFile(t, m, secretFile, withSecret(strings.ToUpper(fileSecret))), "change client web: secret")
	wantPlan(t, applyFile(t, m, strings.Replace(secretFile, "{env: WEB_SECRET}", "keep", 1), FileOptions{}))
	applyFile(t, m, strings.Replace(secretFile, "{env: WEB_SECRET}", "{file: web.secret}", 1), o)
	if want := []SecretReference{{Env: "WEB_SECRET"}, {Env: "WEB_SECRET"}, {File: "web.secret"}}; !slices.Equal(asked, want) {
		t.Errorf("asked for %v", asked)
	}
}

func TestASecretThatIsNotStatedIsTakenAway(t *testing.T) {
	m, _ := newManager(t)
	applyFile(t, m, secretFile, withSecret(fileSecret))
	public := strings.Replace(strings.Replace(secretFile, "    secret: {env: WEB_SECRET}\n", "", 1), "client_secret_basic", "none", 1)
	wantPlan(t, applyFile(t, m, public, FileOptions{}), "change client web: token_endpoint_auth_method secret")
	if c := clientIs(t, m, "web"); len(c.SecretHash) > 0 {
		t.Error("the secret is still there")
	}
}

func TestASecretJWTIsWrappedOnce(t *testing.T) {
	m, _ := newManager(t)
	text := strings.Replace(secretFile, "client_secret_basic", "client_secret_jwt", 1)
	applyFile(t, m, text, withSecret(fileSecret))
	c := clientIs(t, m, "web")
	if secret, err := m.Master.OpenSecret("web", c.WrappedSecret); err != nil || secret != fileSecret {
		t.Errorf("wrapped %q, %v", secret, err)
	}
	wantPlan(t, applyFile(t, m, text, withSecret(fileSecret)))
	m.Master = token.Master{}
	wantPlan(t, applyFile(t, m, strings.Replace(text, "{env: WEB_SECRET}", "keep", 1), FileOptions{}))
	_, err := m.PlanFile(t.Context(), []byte(text), withSecret(strings.ToUpper(fileSecret)))
	if f := faultsOf(t, err); len(f) != 1 || f[0].Line != 7 || !strings.Contains(f[0].Problem, "master key") {
		t.Errorf("without the master key: %v", err)
	}
}

func TestFaultsOfSecrets(t *testing.T) {
	m, _ := newManager(t)
	without := strings.Replace(secretFile, "    secret: {env: WEB_SECRET}\n", "", 1)
	with := func(secret string) string { return strings.Replace(secretFile, "{env: WEB_SECRET}", secret, 1) }
	for name, tc := range map[string]struct {
		text, problem string
		line          int
		o             FileOptions
	}{
		"nothing to keep":  {with("keep"), "no secret of this client to keep", 7, FileOptions{}},
		"not stated":       {without, "needs a secret", 6, FileOptions{}},
		"over the network": {secretFile, "command line alone", 7, FileOptions{}},
		"short":            {secretFile, "has 5 characters", 7, withSecret("short")},
		"control":          {secretFile, "not printable ASCII", 7, withSecret(fileSecret + "\n")},
		"missing": {secretFile, "is not set", 7, FileOptions{Secret: func(SecretReference) (string, error) {
			return "", errors.New("WEB_SECRET is not set")
		}}},
		"written out": {with("hunter2hunter2"), "never in a file", 7, FileOptions{}},
		"both":        {with("{env: A, file: B}"), "one of", 7, withSecret(fileSecret)},
		"neither":     {with("{}"), "one of", 7, withSecret(fileSecret)},
		"of none":     {strings.Replace(secretFile, "client_secret_basic", "none", 1), "without a secret", 7, withSecret(fileSecret)},
	} {
		_, err := m.PlanFile(t.Context(), []byte(tc.text), tc.o)
		f := faultsOf(t, err)
		if len(f) != 1 || f[0].Line != tc.line || !strings.Contains(f[0].Problem, tc.problem) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), fileSecret) {
			t.Errorf("%s: the fault shows the secret: %v", name, err)
		}
	}
	if _, err := m.CreateConfidentialClient(t.Context(), oauth.Client{
		ID: "web", Name: "Web", Capabilities: []oauth.Capability{oauth.CapCode}, RedirectURIs: []string{"https://web.example.com/cb"},
	}); err != nil {
		t.Fatal(err)
	}
	_, err := m.PlanFile(t.Context(), []byte(strings.Replace(with("keep"), "client_secret_basic", "client_secret_jwt", 1)), FileOptions{})
	if f := faultsOf(t, err); len(f) != 1 || !strings.Contains(f[0].Problem, "only a hash") {
		t.Errorf("a hash for client_secret_jwt: %v", err)
	}
}
