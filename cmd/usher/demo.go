package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/config"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// The files of the demo's folder, beside those of the local CA.
const (
	demoDatabase  = "usher.db"
	demoMasterKey = "master.key"
	demoAPISecret = "example-api.secret"
	demoAddress   = "address" // of the server when it last started, since a demo has no configuration file to say so
)

// demoFolder is where the demo keeps its data: the folder given, or one for this user.
func demoFolder(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder for the demo's data: name one with --data (%w)", err)
	}
	return filepath.Join(dir, "usher-demo"), nil
}

func demoCommand() *cobra.Command {
	d := &demo{}
	var data string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try usher: a server, an example app and a user, on this machine only",
		Long: `Starts a server on https://localhost:8443 with a certificate from its own local CA, its admin pages on
https://localhost:6749/admin, and the example app on http://localhost:8080, all reachable from this machine only. Data stays between runs; what you change with
'usher client --demo', 'usher user --demo' and 'usher profile --demo' stays too. There is:

  user    demo, password usher-demo
  client  client-assisted-example, public: assisted token, code, implicit (for id_token at page load), refresh; for apps at
          http://localhost:8080 (the example), http://localhost:4200 (Angular) and http://localhost:3000 (React)
  client  assisted-token-example, public: assisted token, for an app at https://localhost:8000
  client  example-api: introspection, for the APIs of the examples; its secret is in the file example-api.secret of the
          demo's folder`,
		Example: `  usher demo
  usher demo --port 9443 --app-port 9080
  usher demo --data ./demo-data --no-app
  usher client list --demo
  usher registration-token --demo`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.IntVar(&d.Port, "port", 8443, "port of the server")
	flags.IntVar(&d.AppPort, "app-port", 8080, "port of the example app")
	flags.IntVar(&d.AdminPort, "admin-port", 6749, "port of the admin pages; 0 chooses a free one")
	flags.BoolVar(&d.NoApp, "no-app", false, "do not start the example app")
	flags.StringVar(&data, "data", "", "folder for the demo's data (default: usher-demo in this user's configuration folder)")
	flags.BoolVar(&verbose, "verbose", false, "log what happens")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, err := demoFolder(data)
		if err != nil {
			return err
		}
		level := slog.LevelWarn
		if verbose {
			level = slog.LevelDebug
		}
		log, buffer := newLog(cmd.ErrOrStderr(), "text", level)
		defer buffer.Close()
		d.Data, d.Log, d.AllowApp = dir, log, flags.Changed("app-port")
		return d.runUntilSignal(cmd)
	}
	return cmd
}

// demo is a node with everything that is needed to try it, in one folder.
type demo struct {
	node
	Data string
	// Each port may be 0, which chooses a free one.
	Port, AppPort, AdminPort int
	NoApp                    bool
	// AllowApp adds the app's origin to the example client of a demo that is there already.
	AllowApp bool
	ca       *localCA
	app      *door
	invite   manage.Link // with which the first operator comes in; zero where there is one
}

func (d *demo) runUntilSignal(cmd *cobra.Command) error {
	ctx, stop := untilSignal(cmd.Context())
	defer stop()
	defer d.Close()
	if err := d.Open(ctx); err != nil {
		return unlessStopped(ctx, err)
	}
	if err := d.announce(cmd.OutOrStdout()); err != nil {
		return err
	}
	return d.Run(ctx)
}

// Open binds both ports before anything is written, then makes or opens what is in the folder.
func (d *demo) Open(ctx context.Context) error {
	for _, port := range []int{d.Port, d.AppPort, d.AdminPort} {
		if port < 0 || port > 65535 {
			return fmt.Errorf("%d is not a port: choose one from 1 to 65535", port)
		}
	}
	if err := d.bind(); err != nil {
		return err
	}
	if err := os.MkdirAll(d.Data, 0o700); err != nil {
		return fmt.Errorf("the folder for the demo's data cannot be made (%w): name another with --data", err)
	}
	if err := d.open(ctx); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("the demo's data cannot be written: make %s and what is in it writable, or name another folder with --data (%w)", d.Data, err)
		}
		return err
	}
	return nil
}

func (d *demo) bind() error {
	d.Config = config.Config{
		Database:      "sqlite:" + filepath.Join(d.Data, demoDatabase),
		AuditKeepDays: 30,
		ShutdownGrace: 5 * time.Second,
		MetricsListen: config.Off,
	}
	if err := d.checkPorts(); err != nil {
		return err
	}
	server, err := openDoor("--port", local(d.Port))
	if err != nil {
		return err
	}
	server.tls = serverTLS(d.handshake)
	d.doors = append(d.doors, server)
	d.BaseURL = webOrigin("https", server.port())
	operators, err := openDoor("--admin-port", local(d.AdminPort))
	if err != nil {
		return err
	}
	operators.setting, operators.tls = "admin_listen", serverTLS(d.handshake)
	d.doors = append(d.doors, operators)
	d.AdminListen, d.AdminBaseURL = local(operators.port()), webOrigin("https", operators.port())
	if d.NoApp {
		return nil
	}
	if d.app, err = openDoor("--app-port", local(d.AppPort)); err != nil {
		return err
	}
	d.doors = append(d.doors, d.app)
	return nil
}

// checkPorts demands a port for each of the servers.
func (d *demo) checkPorts() error {
	flags := map[int]string{}
	for _, p := range []struct {
		flag string
		port int
		used bool
	}{{"--port", d.Port, true}, {"--app-port", d.AppPort, !d.NoApp}, {"--admin-port", d.AdminPort, true}} {
		if other, taken := flags[p.port]; taken && p.used && p.port != 0 {
			return fmt.Errorf("%s and %s are both %d: each server needs a port of its own", other, p.flag, p.port)
		}
		if p.used {
			flags[p.port] = p.flag
		}
	}
	return nil
}

func local(port int) string { return net.JoinHostPort("localhost", strconv.Itoa(port)) }

// appOrigin is the web origin of the example app.
func (d *demo) appOrigin() string {
	port := d.AppPort
	if d.app != nil {
		port = d.app.port()
	}
	return webOrigin("http", port)
}

// webOrigin is the origin of a port of this machine as browsers write it: without the scheme's own port.
func webOrigin(scheme string, port int) string {
	if scheme == "https" && port == 443 || scheme == "http" && port == 80 {
		return scheme + "://localhost"
	}
	return scheme + "://" + local(port)
}

func (d *demo) open(ctx context.Context) error {
	if err := d.OpenStore(ctx); err != nil {
		return err
	}
	master, err := d.masterKey(ctx)
	if err != nil {
		return err
	}
	if err := d.Unlock(ctx, master); err != nil {
		return err
	}
	if d.ca, _, err = openLocalCA(d.Data); err != nil {
		return err
	}
	if d.outboundCAs, err = x509.SystemCertPool(); err != nil {
		d.outboundCAs = x509.NewCertPool() // a system without any
	}
	d.outboundCAs.AddCert(d.ca.cert)
	if err := d.ca.ensureLeaf(d.Data); err != nil {
		return err
	}
	d.TLSCertFile, d.TLSKeyFile = filepath.Join(d.Data, leafCertFile), filepath.Join(d.Data, leafKeyFile)
	d.certificate, err = newCertificate(&d.Config, d.Log)
	if err != nil {
		return err
	}
	secret, err := d.seed(ctx)
	if err != nil {
		return err
	}
	if d.app != nil {
		if d.app.handler, err = d.example(secret); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(d.Data, demoAddress), []byte(d.BaseURL+"\n"), 0o600); err != nil {
		return err
	}
	if err := d.inviteOperator(ctx); err != nil {
		return err
	}
	return d.OpenRuntime(ctx)
}

// inviteOperator makes a link for the first operator of a demo that has none: a newcomer's way into the admin pages.
func (d *demo) inviteOperator(ctx context.Context) error {
	operators, err := d.manager.Operators(ctx)
	if err != nil || len(operators) > 0 {
		return err
	}
	d.invite, err = d.manager.NewOperatorLink(ctx, oauth.RoleAdmin, "")
	return err
}

// masterKey reads the demo's master key. It makes one only for a database without keys: a new one would
// not open those that are there.
func (d *demo) masterKey(ctx context.Context) (token.Master, error) {
	path := filepath.Join(d.Data, demoMasterKey)
	_, err := os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch _, err := d.store.Load(ctx); {
	case errors.Is(err, store.ErrNotFound):
		// The database is new; the secret of an earlier one's API would keep this one from being seeded.
		if err := os.Remove(filepath.Join(d.Data, demoAPISecret)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return token.Master{}, err
		}
		if missing {
			if err := newMasterFile(path); err != nil {
				return token.Master{}, err
			}
		}
	case err != nil:
		return token.Master{}, err
	case missing:
		return token.Master{}, fmt.Errorf("%s is missing, and the keys in %s cannot be opened without it: put it back, or replace all keys with 'usher keys new-master %s' and 'usher keys reset --yes --data %s'", path, demoDatabase, path, d.Data)
	}
	master, err := readMaster(path)
	if err != nil {
		return token.Master{}, fmt.Errorf("the demo's master key cannot be used: %w (it is in %s; with it lost, remove %s to begin anew)", err, path, d.Data)
	}
	return master, nil
}

// announce says where to go.
func (d *demo) announce(w io.Writer) error {
	self, trust := os.Args[0], " trust"
	if dir, err := demoFolder(""); err != nil || dir != d.Data {
		trust += fmt.Sprintf(" --data %q", d.Data)
	}
	app := "  Open         " + d.appOrigin() + "\n"
	if d.NoApp {
		app = ""
	}
	invite := ""
	if d.invite.URL != "" {
		invite = "\nThe admin pages have no operator yet. This link makes one, once, within 15 minutes ('usher operator link --demo' makes another):\n  " + d.invite.URL + "\n"
	}
	_, err := fmt.Fprintf(w, `usher demo is ready.

%s  Sign in as   %s, password %s
  Server       %s
  Admin        %s
  Data         %s
%s
A browser does not know the server's certificate. Let it, once, with
  %s%s
and start the browser anew; or open %s and accept the certificate there.
Ctrl-C stops the demo.
`, app, demoUser, demoPassword, d.BaseURL, d.AdminBaseURL+"/admin", d.Data, invite, self, trust, d.BaseURL)
	return err
}
