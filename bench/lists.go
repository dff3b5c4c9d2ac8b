package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store/sqlstore"
	"github.com/usher-id/usher/internal/store/storetest"
)

const (
	// mostRatio is how much dearer a list page may be in a large directory than in a small one.
	mostRatio = 3
	// mostGrowth is how much memory a server may have more after it has shown them all, in bytes.
	mostGrowth = 32 << 20
)

// directory is how much there is in a database.
type directory struct {
	name              string
	accounts, clients int
}

var (
	smallDirectory = directory{"small", 100, 100}
	largeDirectory = directory{"large", 100_000, 10_000}
)

// lists measures the admin pages that list something, in a small directory and in a large one.
func lists(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench lists", flag.ExitOnError)
	databases := flags.String("databases", strings.Join(databaseNames, ","), "databases to measure on")
	rounds := flags.Int("rounds", 200, "how often each page is asked for; the median counts")
	binary := flags.String("binary", "", "usher binary to measure (default: built from the sources)")
	flags.Parse(args)
	names, err := parseNames(*databases, databaseNames)
	if err != nil {
		return err
	}
	folder, err := workFolder()
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path, err := settings{binary: *binary}.build(ctx, folder)
	if err != nil {
		return err
	}
	var faults []error
	fmt.Println("| page | database | small, µs | large, µs | ratio |\n| --- | --- | --- | --- | --- |")
	for _, kind := range names {
		found, err := listsOn(ctx, path, filepath.Join(folder, kind), kind, *rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		faults = append(faults, found...)
	}
	return errors.Join(faults...)
}

// listsOn measures on one kind of database, and returns what is too dear.
func listsOn(ctx context.Context, binary, folder, kind string, rounds int) (faults []error, err error) {
	took := map[string]map[string]time.Duration{}
	for _, d := range []directory{smallDirectory, largeDirectory} {
		at := filepath.Join(folder, d.name)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return nil, err
		}
		shown, growth, err := d.measure(ctx, binary, at, kind, rounds)
		if err != nil {
			return nil, err
		}
		took[d.name] = shown
		fmt.Fprintf(os.Stderr, "%s directory on %s: %+.1f MB while every list was shown again\n", d.name, kind, float64(growth)/1e6)
		if growth > mostGrowth {
			faults = append(faults, fmt.Errorf("the %s directory on %s: memory grew by %.1f MB", d.name, kind, float64(growth)/1e6))
		}
	}
	for _, page := range slices.Sorted(maps.Keys(took[smallDirectory.name])) {
		small, large := took[smallDirectory.name][page], took[largeDirectory.name][page]
		ratio := float64(large) / float64(small)
		fmt.Printf("| `%s` | %s | %d | %d | %.2f |\n", page, kind, small.Microseconds(), large.Microseconds(), ratio)
		if ratio > mostRatio {
			faults = append(faults, fmt.Errorf("%s on %s costs %.2f times as much in the large directory", page, kind, ratio))
		}
	}
	return faults, nil
}

// measure fills a database, starts usher on it, signs an operator in and asks for every list.
func (d directory) measure(ctx context.Context, binary, folder, kind string, rounds int) (map[string]time.Duration, int64, error) {
	database := "sqlite:" + filepath.Join(folder, "usher.db")
	if kind == "postgres" {
		server, stopServer, err := storetest.StartPostgres(filepath.Join(folder, "postgres"))
		if err != nil {
			return nil, 0, err
		}
		defer stopServer()
		if database, err = storetest.CreateDatabase(ctx, server, "usher"); err != nil {
			return nil, 0, err
		}
	}
	address, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	w, err := seed(ctx, database, baseURL(address), d.accounts)
	if err != nil {
		return nil, 0, err
	}
	if err := d.fill(ctx, w); err != nil {
		return nil, 0, err
	}
	c, err := newCertificate()
	if err != nil {
		return nil, 0, err
	}
	admin, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	n, err := startNode(binary, folder, address, w, c, adminAt(admin))
	if err != nil {
		return nil, 0, err
	}
	defer n.close()
	b, err := signInOperator(c, baseURL(admin))
	if err != nil {
		return nil, 0, fmt.Errorf("signing in: %w\n%s", err, n.lastWords())
	}
	return b.showAll(n.pid, rounds)
}

// fill makes the clients, and the first user an admin.
func (d directory) fill(ctx context.Context, w *world) error {
	s, err := sqlstore.Open(ctx, sqlstore.Options{URL: w.database, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	clients := make([]oauth.Client, d.clients)
	for i := range clients {
		clients[i] = oauth.Client{
			ID: fmt.Sprintf("client-%06d", i), Name: fmt.Sprintf("Client %d of the bench", i), Version: 1,
			Capabilities:   []oauth.Capability{oauth.CapAssistedToken, oauth.CapCode, oauth.CapRefresh},
			AllowedOrigins: []oauth.OriginPattern{oauth.OriginPattern(fmt.Sprintf("https://app-%06d.example.com", i))},
			RedirectURIs:   []string{fmt.Sprintf("https://app-%06d.example.com/callback", i)}, Scope: []string{"openid", "profile"},
		}
	}
	err = s.FillClients(ctx, clients)
	if err == nil {
		m := &manage.Manager{Store: s, Master: w.master, Now: time.Now, Rand: rand.Reader, Actor: "cli:bench", Role: oauth.RoleAdmin}
		err = m.SetRole(ctx, w.users[0].account, oauth.RoleAdmin)
	}
	if err = errors.Join(err, s.Close()); err != nil || strings.HasPrefix(w.database, "sqlite:") {
		return err
	}
	return analyze(ctx, w.database)
}

// browser is an operator's browser, as far as these pages need one.
type browser struct {
	http.Client
	admin string
}

var (
	formAction  = regexp.MustCompile(`<form[^>]*action="([^"]*)"`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// signInOperator opens the admin pages as the first user of the bench, whom usher sends to its own sign-in.
func signInOperator(c certificate, admin string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.roots}}
	// The server listens on the IPv4 loopback address alone.
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(address)
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}
	b := &browser{http.Client{Jar: jar, Transport: transport, Timeout: patience}, admin}
	form, at, err := b.get(admin + "/admin")
	if err != nil {
		return nil, err
	}
	action := formAction.FindStringSubmatch(form)
	if action == nil {
		return nil, fmt.Errorf("%s shows no form", at)
	}
	fields := url.Values{"username": {username(0)}, "password": {password}}
	for _, field := range hiddenField.FindAllStringSubmatch(form, -1) {
		fields.Set(field[1], field[2])
	}
	target, err := at.Parse(action[1])
	if err != nil {
		return nil, err
	}
	r, err := b.PostForm(target.String(), fields)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != http.StatusOK || !strings.HasPrefix(r.Request.URL.String(), admin) {
		return nil, errors.Join(err, fmt.Errorf("the sign-in ended at %s with %s", r.Request.URL.Redacted(), r.Status))
	}
	return b, nil
}

func (b *browser) get(address string) (body string, at *url.URL, err error) {
	r, err := b.Get(address)
	if err != nil {
		return "", nil, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", address, r.Status)
	}
	return string(text), r.Request.URL, err
}

// listPages are the first pages of every list.
var listPages = []string{"/admin/clients", "/admin/accounts", "/admin/sessions", "/admin/delegations", "/admin/audit", "/admin/changes"}

// nextPage is the link to a list's following page.
var nextPage = regexp.MustCompile(`href="([^"]*[?&;]cursor=[^"]*)"`)

// showAll asks for every list and its second page twice over. It tells how long each took, and how much memory the
// second time took beyond the first, in which the heap finds its size.
func (b *browser) showAll(pid, rounds int) (took map[string]time.Duration, growth int64, err error) {
	pages, err := b.pages()
	if err != nil {
		return nil, 0, err
	}
	var sizes [2]int64
	for i := range sizes {
		took = map[string]time.Duration{}
		for name, address := range pages {
			if took[name], err = b.time(address, rounds); err != nil {
				return nil, 0, err
			}
		}
		if sizes[i], err = residentSize(pid); err != nil {
			return nil, 0, err
		}
	}
	return took, sizes[1] - sizes[0], nil
}

// pages finds the addresses of every list's first page, and of its second where there is one.
func (b *browser) pages() (map[string]string, error) {
	pages := map[string]string{}
	for _, path := range listPages {
		body, at, err := b.get(b.admin + path)
		if err != nil {
			return nil, err
		}
		pages[path] = b.admin + path
		link := nextPage.FindStringSubmatch(body)
		if link == nil {
			continue
		}
		next, err := at.Parse(strings.ReplaceAll(link[1], "&amp;", "&"))
		if err != nil {
			return nil, err
		}
		pages[path+" (second page)"] = next.String()
	}
	return pages, nil
}

// time is the median time of a page.
func (b *browser) time(address string, rounds int) (time.Duration, error) {
	took := make([]time.Duration, rounds)
	for i := range took {
		begin := time.Now()
		if _, _, err := b.get(address); err != nil {
			return 0, err
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
