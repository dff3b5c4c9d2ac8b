package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/smallstep/truststore"
	"github.com/spf13/cobra"
)

func trustCommand() *cobra.Command {
	t := &trust{}
	var data string
	var uninstall bool
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "Let this machine's browsers trust the demo's certificate",
		Long: `Installs the demo's local CA where browsers look: the system's trust store (which may ask for your password,
by sudo) and, on Linux, the NSS databases of Chromium (~/.pki/nssdb) and Firefox, by certutil.

What that means: the CA can vouch for localhost, 127.0.0.1 and ::1 only, and browsers enforce it. Its private
key stays in the demo's folder, readable by you alone. --uninstall takes it back; do that before you remove
the folder.`,
		Example: "  usher trust\n  usher trust --browsers-only\n  usher trust --uninstall",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&data, "data", "", "folder of the demo's data")
	cmd.Flags().BoolVar(&uninstall, "uninstall", false, "take the CA out again")
	cmd.Flags().BoolVar(&t.browsersOnly, "browsers-only", false, "leave the system's trust store alone (needs no administrator)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, err := demoFolder(data)
		if err != nil {
			return err
		}
		t.out, t.file = cmd.OutOrStdout(), filepath.Join(dir, caCertFile)
		if uninstall {
			return t.remove(dir)
		}
		return t.install(dir)
	}
	return cmd
}

// trust puts one CA certificate into trust stores, or takes it out.
type trust struct {
	out          io.Writer
	file         string
	browsersOnly bool
}

func (t *trust) install(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the folder of the demo cannot be made (%w): name another with --data", err)
	}
	ca, isNew, err := openLocalCA(dir)
	if err != nil {
		return err
	}
	if isNew {
		fmt.Fprintln(t.out, "Made a local CA in", dir)
	}
	fmt.Fprintf(t.out, "Installing the certificate of %q, which can vouch for localhost, 127.0.0.1 and ::1 only:\n  %s\n", ca.cert.Subject.CommonName, t.file)
	err = t.each(func(opts ...truststore.Option) error { return truststore.Install(ca.cert, opts...) })
	if err != nil {
		return fmt.Errorf("%w\nTo do it by hand, import %s as an authority for web sites: in Firefox under Settings, Certificates, Authorities; in Chromium under chrome://certificate-manager; for the system as its manual says", err, t.file)
	}
	_, err = fmt.Fprintln(t.out, "Done. Start your browser anew.")
	return err
}

func (t *trust) remove(dir string) error {
	ca, err := readLocalCA(dir)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no CA in %s, so it is not known what to take out: name the demo's folder with --data, or remove \"usher local development CA\" by hand", dir)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Removing the certificate of %q.\n", ca.cert.Subject.CommonName)
	err = t.each(func(opts ...truststore.Option) error { return truststore.Uninstall(ca.cert, opts...) })
	if err != nil {
		return fmt.Errorf("%w\nTo do it by hand, remove %q from the authorities of the system and of your browsers", err, ca.cert.Subject.CommonName)
	}
	_, err = fmt.Fprintln(t.out, "Done.")
	return err
}

// each does it in every store; one that fails does not keep the others from being done.
func (t *trust) each(do func(...truststore.Option) error) error {
	prefix := truststore.WithPrefix("usher-local-development-ca-")
	err := t.browsers(func(nss truststore.Trust) error {
		return do(prefix, truststore.WithNoSystem(), truststore.WithTrust(nss))
	})
	if t.browsersOnly {
		return err
	}
	if systemErr := do(prefix); systemErr != nil {
		return errors.Join(err, fmt.Errorf("the system's trust store: %w%s", systemErr, output(systemErr)))
	}
	fmt.Fprintln(t.out, "  the system's trust store: done")
	return err
}

// browsers handles the NSS databases: those of Chromium on Linux, and of Firefox.
func (t *trust) browsers(do func(truststore.Trust) error) error {
	if runtime.GOOS == "windows" {
		return nil // browsers there use the system's store
	}
	certutil, err := exec.LookPath("certutil")
	if err != nil && runtime.GOOS == "darwin" {
		return nil // only Firefox would need it, and it reads the system's store as well
	}
	if err != nil {
		return errors.New("browsers: certutil is missing; install it (apt install libnss3-tools, or dnf install nss-tools) and repeat the command")
	}
	if runtime.GOOS == "linux" {
		if err := ensureNSS(certutil); err != nil {
			return err
		}
	}
	nss, err := truststore.NewNSSTrust()
	if err != nil {
		return fmt.Errorf("browsers: %w", err)
	}
	if err := nss.PreCheck(); err != nil {
		fmt.Fprintln(t.out, "  browsers: no NSS database found")
		return nil
	}
	if err := do(nss); err != nil {
		return fmt.Errorf("browsers: %w%s", err, output(err))
	}
	fmt.Fprintln(t.out, "  browsers (Chromium, Firefox): done")
	return nil
}

// ensureNSS makes the database that Chromium reads, which is not there before somebody needs it.
func ensureNSS(certutil string) error {
	home, err := os.UserHomeDir()
	if err != nil {
		return fmt.Errorf("browsers: %w", err)
	}
	dir := filepath.Join(home, ".pki", "nssdb")
	if _, err := os.Stat(filepath.Join(dir, "cert9.db")); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("browsers: %w", err)
	}
	if out, err := exec.Command(certutil, "-N", "-d", "sql:"+dir, "--empty-password").CombinedOutput(); err != nil {
		return fmt.Errorf("browsers: certutil could not make %s: %w: %s", dir, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// output is what a command of another program printed before it failed.
func output(err error) string {
	var c *truststore.CmdError
	if errors.As(err, &c) && len(c.Out()) > 0 {
		return ": " + strings.TrimSpace(string(c.Out()))
	}
	return ""
}
