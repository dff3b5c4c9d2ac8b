package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/store/storetest"
)

// machine runs the commands of the documentation: its folders are elsewhere, systemctl runs a real `usher serve`.
type machine struct {
	*testing.T
	dir, base, ready     string
	env                  []string
	webSecret, apiSecret string
	client               *http.Client
}

const systemctl = `#!/bin/sh
set -eu
cd "$MACHINE"
case "$1" in
start)
	usher serve --config etc/usher.yaml >>log 2>&1 &
	echo $! >pid ;;
stop)
	kill "$(cat pid)"
	while kill -0 "$(cat pid)" 2>/dev/null; do sleep 0.05; done ;;
esac
`

const machineConfig = `base_url: %s
listen: %s
metrics_listen: %s
admin_listen: off
shutdown_delay: 0s
tls_cert_file: %s
tls_key_file: %s
master_key_file: %s
database: %q
`

func newMachine(t *testing.T, database func(dir string) string, env ...string) *machine {
	m := &machine{T: t, dir: t.TempDir()}
	for _, folder := range []string{"bin", "etc", "lib", "backups/usher", "tmp"} {
		m.must(os.MkdirAll(m.path(folder), 0o700))
	}
	m.must(os.WriteFile(m.path("bin/systemctl"), []byte(systemctl), 0o700))
	m.must(os.WriteFile(m.path("bin/sudo"), []byte("#!/bin/sh\nshift 2\nexec \"$@\"\n"), 0o700))
	ca := newCA(t, m.path("etc"))
	m.must(ca.issue(m.path("etc")))
	m.must(newMasterFile(m.path("etc/master.key")))
	address, operations := unusedAddress(t), unusedAddress(t)
	m.base, m.ready = "https://"+address, "http://"+operations+"/readyz"
	db := database(m.dir)
	m.must(os.WriteFile(m.path("etc/usher.yaml"), fmt.Appendf(nil, machineConfig, m.base, address, operations,
		m.path("etc/"+leafCertFile), m.path("etc/"+leafKeyFile), m.path("etc/master.key"), db), 0o600))
	programs := ""
	if bin, err := filepath.Glob("/usr/lib/postgresql/*/bin"); err == nil {
		programs = strings.Join(bin, ":")
	}
	m.env = append(os.Environ(), "MACHINE="+m.dir, "PATH="+m.path("bin")+":"+os.Getenv("PATH")+":"+programs)
	m.env = append(m.env, env...)
	m.seed(db)
	m.client = browser(&demo{ca: ca})
	m.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "web.example.com" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	t.Cleanup(func() { m.script("test ! -e " + m.path("pid") + " || systemctl stop usher || true") })
	return m
}

func unusedAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprintf("localhost:%d", l.Addr().(*net.TCPAddr).Port)
}

func (m *machine) must(err error) {
	m.Helper()
	if err != nil {
		log, _ := os.ReadFile(m.path("log"))
		m.Fatalf("%v\n%s", err, log)
	}
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

// script runs commands of the documentation.
func (m *machine) script(text string) string {
	m.Helper()
	text = strings.NewReplacer("/etc/usher", m.path("etc"), "/var/lib/usher", m.path("lib"), "/var/backups", m.path("backups"),
		"/var/tmp", m.path("tmp"), "/usr/local/bin/usher", "usher").Replace(text)
	cmd := exec.Command("sh", "-eu", "-c", text)
	cmd.Env = m.env
	// To files: a pipe would be held open by the server that is left running.
	out, err := os.Create(m.path("output"))
	m.must(err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	said, _ := os.ReadFile(m.path("output"))
	if err != nil {
		m.must(fmt.Errorf("%s\n%w: %s", text, err, said))
	}
	return string(said)
}

// seed makes a user, an app and an API.
func (m *machine) seed(database string) {
	s, err := sqlstore.Open(m.Context(), sqlstore.Options{URL: database, Logger: quiet})
	m.must(err)
	defer s.Close()
	master, err := readMaster(m.path("etc/master.key"))
	m.must(err)
	mg := &manage.Manager{Store: s, Master: master, Now: time.Now, Rand: rand.Reader, Actor: "cli:test", Role: oauth.RoleAdmin}
	m.must(mg.Bootstrap(m.Context()))
	m.webSecret, err = mg.CreateConfidentialClient(m.Context(), oauth.Client{
		ID: "web", Name: "Web", RedirectURIs: []string{"https://web.example.com/cb"}, Scope: []string{"openid"},
		Capabilities: []oauth.Capability{oauth.CapCode, oauth.CapRefresh},
	})
	m.must(err)
	m.apiSecret, err = mg.CreateConfidentialClient(m.Context(), oauth.Client{ID: "api", Name: "API", Capabilities: []oauth.Capability{oauth.CapIntrospection}})
	m.must(err)
	m.must(s.Close())
	cmd := exec.Command("usher", "user", "add", "ann", "--config", m.path("etc/usher.yaml"))
	cmd.Env, cmd.Stdin = m.env, strings.NewReader("seven green bicycles\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.Fatalf("%v: %s", err, out)
	}
}

func (m *machine) waitReady() {
	m.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r, err := http.Get(m.ready)
		if err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			m.must(errors.New("the server is not ready"))
		}
	}
}

// signIn returns what a new browser gets that signs in with the password.
func (m *machine) signIn() (tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}) {
	m.Helper()
	m.client.Jar, _ = cookiejar.New(nil)
	q := url.Values{"client_id": {"web"}, "response_type": {"code"}, "redirect_uri": {"https://web.example.com/cb"}, "scope": {"openid"}, "state": {"s"}}
	_, body := get(m.T, m.client, m.base+"/oauth/v2/oauth-authorize?"+q.Encode())
	flow := regexp.MustCompile(`name="flow" value="([^"]*)"`).FindStringSubmatch(body)
	if flow == nil {
		m.Fatalf("no sign-in page: %s", body)
	}
	form := url.Values{"flow": {html.UnescapeString(flow[1])}, "username": {"ann"}, "password": {"seven green bicycles"}}
	r, err := http.NewRequest("POST", m.base+"/authn/authentication/password", strings.NewReader(form.Encode()))
	m.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", m.base)
	res, err := m.client.Do(r)
	m.must(err)
	defer res.Body.Close()
	back, err := res.Location()
	if err != nil {
		text, _ := io.ReadAll(res.Body)
		m.Fatalf("signing in: %s %s", res.Status, text)
	}
	m.call("/oauth/v2/oauth-token", "web", m.webSecret, url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {"https://web.example.com/cb"},
	}, &tokens)
	return tokens
}

// call asks as a client; it returns the status.
func (m *machine) call(path, id, secret string, form url.Values, into any) int {
	m.Helper()
	r, err := http.NewRequest("POST", m.base+path, strings.NewReader(form.Encode()))
	m.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(id, secret)
	res, err := m.client.Do(r)
	m.must(err)
	defer res.Body.Close()
	m.must(json.NewDecoder(res.Body).Decode(into))
	return res.StatusCode
}

func (m *machine) active(token string) bool {
	m.Helper()
	var answer struct{ Active bool }
	m.call("/oauth/v2/oauth-introspect", "api", m.apiSecret, url.Values{"token": {token}}, &answer)
	return answer.Active
}

// refreshes tells whether a refresh token is good.
func (m *machine) refreshes(token string) bool {
	m.Helper()
	var answer map[string]any
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	return m.call("/oauth/v2/oauth-token", "web", m.webSecret, form, &answer) == http.StatusOK
}

// chapter is what the documentation says between two headings: shell blocks, and what systemd runs.
func chapter(t *testing.T, heading string) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("docs/operating.md has no %q", heading)
	}
	rest, _, _ = strings.Cut(rest, "\n#")
	var commands []string
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```|ExecStart=([^\n]*)").FindAllStringSubmatch(rest, -1) {
		commands = append(commands, m[1]+m[2])
	}
	if len(commands) == 0 {
		t.Fatalf("%q has no commands", heading)
	}
	return commands
}

// run runs every command of a chapter and returns what they said.
func (m *machine) run(heading string) (said string) {
	m.Helper()
	for _, text := range chapter(m.T, heading) {
		said += m.script(text)
	}
	return said
}

// restored signs in, backs up, signs out what was signed in, restores as the documentation says, and looks at what is good.
func (m *machine) restored(backup, restore string) {
	m.Helper()
	m.script("systemctl start usher")
	m.waitReady()
	before := m.signIn()
	if !m.active(before.Access) || before.Refresh == "" {
		m.Fatal("the token of a sign-in is not active")
	}
	m.run(backup)
	m.script("usher user sign-out ann --config /etc/usher/usher.yaml")
	if m.active(before.Access) {
		m.Fatal("the token outlives its session")
	}
	said := m.run(restore)
	m.waitReady()
	for _, want := range []string{"every key was replaced; ended: 1 sessions", "1 refresh token families", "passwords changed"} {
		if !strings.Contains(said, want) {
			m.Errorf("it does not say %q: %s", want, said)
		}
	}
	if m.active(before.Access) {
		m.Error("the restore revives an access token")
	}
	if m.refreshes(before.Refresh) {
		m.Error("the restore revives a refresh token")
	}
	if after := m.signIn(); !m.active(after.Access) || !m.refreshes(after.Refresh) {
		m.Error("nobody can sign in after the restore")
	}
}

// TestTheDocumentedRestoreOfSQLite runs what docs/operating.md says.
func TestTheDocumentedRestoreOfSQLite(t *testing.T) {
	m := newMachine(t, func(dir string) string { return "sqlite:" + filepath.Join(dir, "lib", "usher.db") })
	m.restored("### Backing up SQLite", "### Restoring SQLite")
	if said := m.run("### What survives a restore"); !strings.Contains(said, "sessions_ended") {
		t.Errorf("the replaced database does not tell what was done: %s", said)
	}
	if said := m.run("### Testing a restore"); !strings.Contains(said, "clients") {
		t.Errorf("status says %s", said)
	}
	out, err := exec.Command("usher", "restore", m.path("backups/usher/usher.db"), "--yes", "--config", m.path("etc/usher.yaml")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "stop every one of them first") {
		t.Errorf("restoring under a running server: %s, %v", out, err)
	}
}

// TestRestoreNeedsARightClock: it makes keys, whose times are stored. The database's clock is
// replaced by one that is two hours ahead.
func TestRestoreNeedsARightClock(t *testing.T) {
	database, err := storetest.CreateDatabase(t.Context(), storetest.Postgres(t), "usher_clock")
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(t, func(string) string { return database })
	conn, err := pgx.Connect(t.Context(), database)
	m.must(err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `CREATE FUNCTION public.clock_timestamp()
		RETURNS timestamptz LANGUAGE sql AS
		$$ SELECT pg_catalog.clock_timestamp() + interval '2 hours' $$`)
	m.must(err)
	keys := func() (ids string) {
		const all = "SELECT string_agg(id, ' ' ORDER BY id) FROM wrapped_key"
		m.must(conn.QueryRow(t.Context(), all).Scan(&ids))
		return ids
	}
	before := keys()
	shadowed := database + "&search_path=public,pg_catalog"
	cmd := exec.Command("usher", "restore", "--after-copy", "--yes",
		"--config", m.path("etc/usher.yaml"), "--database", shadowed)
	cmd.Env = m.env
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "clock") || keys() != before {
		t.Errorf("restoring by a wrong clock: %s, %v", out, err)
	}
}

// TestTheDocumentedRestoreOfPostgreSQL runs what docs/operating.md says; then, as after a return to a point in time that
// was done under a running node, that node learns of the new keys.
func TestTheDocumentedRestoreOfPostgreSQL(t *testing.T) {
	server := storetest.Postgres(t)
	database, err := storetest.CreateDatabase(t.Context(), server, "usher")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(t, func(string) string { return database }, "PGHOST="+u.Query().Get("host"), "PGUSER=usher")
	m.restored("### Backing up PostgreSQL", "### Restoring PostgreSQL")
	again := m.signIn()
	m.script("usher restore --after-copy --yes --config /etc/usher/usher.yaml")
	if m.active(again.Access) {
		t.Error("a token outlives --after-copy under a running node")
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if after := m.signIn(); m.active(after.Access) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the node does not take the new keys")
		}
	}
	said := m.script("usher audit list --database 'postgres:///usher_before_restore' --event sessions_ended")
	if !strings.Contains(said, "sessions_ended") {
		t.Errorf("the replaced database does not tell what was done: %s", said)
	}
}
