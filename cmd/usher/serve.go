package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/config"
	"github.com/usher-id/usher/internal/token"
)

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a server by its configuration",
		Long: `Runs a server by its configuration: defaults, then the YAML file of --config, then USHER_ variables of the
environment, then flags, each stronger than the one before. 'usher check-config --example' prints a file with
every setting. A start on an empty database makes the profile and the keys.

SIGTERM and SIGINT stop it gracefully: /readyz says no, clients are told to go elsewhere for shutdown_delay, and every
request that was received is answered.`,
		Example: `  usher keys new-master master.key
  usher serve --config /etc/usher/usher.yaml
  USHER_DATABASE=postgres://usher@db/usher USHER_MASTER_KEY=... usher serve --tls-cert-file tls.crt --tls-key-file tls.key`,
		Args: cobra.NoArgs,
	}
	settings := addSettings(cmd, cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := config.Load(settings.sources())
		if err != nil {
			return err
		}
		return serve(cmd.Context(), c)
	}
	return cmd
}

// serve runs a node until a signal stops it.
func serve(ctx context.Context, c config.Config) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	text, err := c.MasterKey()
	if err != nil {
		return err
	}
	master, err := token.ParseMaster(text)
	if err != nil {
		return err
	}
	log, buffer := newLog(os.Stderr, c.LogFormat, c.LogLevel)
	defer buffer.Close()
	n := &node{Config: c, Log: log}
	defer n.Close()
	if err := n.open(ctx, master); err != nil {
		return unlessStopped(ctx, err)
	}
	return n.Run(ctx)
}

// unlessStopped drops an error that is only there because a signal stopped the start.
func unlessStopped(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// open takes a configured node to the point where it can run.
func (n *node) open(ctx context.Context, master token.Master) error {
	if err := n.Listen(); err != nil {
		return err
	}
	if n.door("listen") != nil || n.door("mtls_listen") != nil || n.door("admin_listen") != nil {
		var err error
		if n.certificate, err = newCertificate(&n.Config, n.Log); err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
	}
	if err := n.OpenStore(ctx); err != nil {
		return err
	}
	if err := n.Unlock(ctx, master); err != nil {
		return err
	}
	return n.OpenRuntime(ctx)
}

// untilSignal ends the context at the first SIGINT or SIGTERM; a second one kills the process at once.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
