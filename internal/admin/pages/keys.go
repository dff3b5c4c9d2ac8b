package pages

import (
	"fmt"
	"net/http"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

func (p *Pages) keyRoutes() []route.Route {
	return []route.Route{
		{Pattern: "GET /admin/keys", Op: manage.OpListKeys, Handle: p.listKeys},
		{Pattern: "POST /admin/keys/rotate", Op: manage.OpRotateKeys, Handle: p.rotateKeys},
		{Pattern: "GET /admin/keys/{id}/revoke", Op: manage.OpRevokeKey, Handle: p.askRevokeKey},
		{Pattern: "POST /admin/keys/{id}/revoke", Op: manage.OpRevokeKey, Handle: p.revokeKey},
	}
}

// keysView lists the keys.
type keysView struct {
	Keys                 []keyRow
	MayRotate, MayRevoke bool
	History              string
}

// keyRow is one key.
type keyRow struct {
	manage.KeyInfo
	For, Age string
	Revoke   string
}

func (p *Pages) listKeys(c *route.Call) error {
	keys, err := c.Manage.Keys(c.R.Context())
	if err != nil {
		return err
	}
	v := keysView{
		MayRotate: c.Caller.May(manage.OpRotateKeys), MayRevoke: c.Caller.May(manage.OpRevokeKey),
		History: historyPath(store.KindKeys, ""),
	}
	for _, k := range keys {
		v.Keys = append(v.Keys, keyRow{k, keyFor(k), age(p.Now().Sub(k.Created)), "/admin/keys/" + k.ID + "/revoke"})
	}
	return p.render(c, http.StatusOK, "keys.html", "Keys", v)
}

// keyFor says what a key is for.
func keyFor(k manage.KeyInfo) string {
	if k.Use == token.UseSeal {
		return "sealing: opaque tokens, codes, sign-ins under way"
	}
	return "signing " + string(k.Alg) + ": ID tokens, JWT access tokens"
}

// age is a span for people, in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "under a minute"
	case d < time.Hour:
		return counted(int(d/time.Minute), "minute")
	case d < 24*time.Hour:
		return counted(int(d/time.Hour), "hour")
	}
	return counted(int(d/(24*time.Hour)), "day")
}

func (p *Pages) rotateKeys(c *route.Call) error {
	made, err := c.Manage.RotateKeys(c.R.Context())
	if err != nil {
		return err
	}
	if len(made) == 0 {
		return redirect(c, "/admin/keys", "keys-there-already")
	}
	return redirect(c, "/admin/keys", "keys-rotated")
}

func (p *Pages) askRevokeKey(c *route.Call) error {
	keys, err := c.Manage.Keys(c.R.Context())
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.ID == c.R.PathValue("id") {
			return p.confirm(c, confirmation{
				Title: "Revoke a key", Subject: k.ID, Ends: keyEnds(k), Action: c.R.URL.Path, Button: "Revoke the key", Back: "/admin/keys",
				Text: "For a key that somebody else may know. To have new keys in good time, rotate them instead: that ends nothing.",
			})
		}
	}
	return fmt.Errorf("key: %w", store.ErrNotFound)
}

// keyEnds says what a key's revocation ends.
func keyEnds(k manage.KeyInfo) []string {
	if k.Use == token.UseSeal {
		return []string{
			"every opaque access token and refresh token that it sealed: apps renew silently where their session lives on, others sign their users in anew",
			"every authorization code and sign-in that is under way with it, also yours here", "every one-time link and registration token that it sealed",
		}
	}
	return []string{
		"every ID token and JWT access token that it signed: who checks them against the published keys refuses them once they read these anew",
	}
}

func (p *Pages) revokeKey(c *route.Call) error {
	if _, err := c.Manage.RevokeKey(c.R.Context(), c.R.PathValue("id")); err != nil {
		return err
	}
	return redirect(c, "/admin/keys", "key-revoked")
}
