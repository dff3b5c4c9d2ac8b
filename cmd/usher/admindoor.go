package main

import (
	"context"
	"net/http"

	"github.com/usher-id/usher/internal/admin"
	"github.com/usher-id/usher/internal/admin/pages"
)

// hasAdminDoor tells whether this node serves the admin pages.
func (n *node) hasAdminDoor() bool {
	return n.door("admin_listen") != nil || n.door("admin_proxy_listen") != nil
}

// ensureAdminClient sees to the client of the admin pages, before the runtime reads its clients. Only a node that serves the
// pages does: another one may not know their address.
func (n *node) ensureAdminClient(ctx context.Context) error {
	if !n.hasAdminDoor() {
		return nil
	}
	return n.manager.EnsureAdminClient(ctx)
}

// newAdmin makes the admin door of this node; no handler where it is off.
func (n *node) newAdmin(ctx context.Context, runtime http.Handler) (http.Handler, error) {
	if !n.hasAdminDoor() {
		return nil, nil
	}
	var settings []pages.Setting
	for _, s := range n.Settings() {
		settings = append(settings, pages.Setting(s))
	}
	var certificate func() []string
	if n.certificate != nil {
		certificate = n.certificate.warnings
	}
	var err error
	n.admin, err = admin.New(ctx, admin.Options{
		Manager: *n.manager, Runtime: runtime, TrustedProxies: n.TrustedProxies, Settings: settings,
		Certificate: certificate, Version: buildVersion(), Logger: n.Log, Registry: n.registry,
	})
	if err != nil {
		return nil, err
	}
	return n.admin.Handler(), nil
}
