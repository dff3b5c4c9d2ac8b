package manage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
)

// reservedPrefix begins the ids of clients that the server makes for itself.
const reservedPrefix = "usher-"

// reserved is *Forbidden for the clients that are the server's own: who could change the redirect URI of the admin pages'
// client would receive its codes. EnsureAdminClient alone writes them.
func reserved(id string) error {
	if strings.HasPrefix(id, reservedPrefix) {
		return &Forbidden{fmt.Sprintf("client ids that begin with %s are reserved: the server makes and corrects these clients itself", reservedPrefix)}
	}
	return nil
}

// managedClient is *Managed where a file manages the client, save where a change disables it (after is nil where it would be
// removed). An emergency cannot wait for a file, and a client that is stopped too much is found out soon. It is enabled
// again by the file: who may not edit that must not by accident enable what it disables.
func managedClient(before, after *oauth.Client) error {
	if before.ManagedBy == "" || after != nil && after.Disabled && !before.Disabled {
		return nil
	}
	return &Managed{What: "client " + before.ID, File: before.ManagedBy}
}

// onlyDisabled holds a change that managedClient let pass to what it is for. It compares documents, so it comes after
// validation.
func onlyDisabled(before, after *oauth.Client) error {
	if before == nil || before.ManagedBy == "" {
		return nil
	}
	others := slices.DeleteFunc(Diff(clientDocument(before), clientDocument(after)), func(d Difference) bool {
		return d.Field == "disabled" || d.Field == "revoked_before"
	})
	if len(others) > 0 || !sameSecret(before, after) {
		return &Managed{What: "client " + before.ID, File: before.ManagedBy}
	}
	return nil
}

// mayTouch is *Forbidden where the account is an operator's and who acts is no admin: through an operator's account, a
// password or a link for it, anybody could become what that operator is.
func (m *Manager) mayTouch(acc *oauth.Account) error {
	if acc.Role != "" && !m.Role.AtLeast(oauth.RoleAdmin) {
		return &Forbidden{fmt.Sprintf("%s is an operator (%s): only an admin may do this", acc.Username, acc.Role)}
	}
	return nil
}

// mustBeAdmin is *Forbidden for all but admins.
func (m *Manager) mustBeAdmin(what string) error {
	if !m.Role.AtLeast(oauth.RoleAdmin) {
		return &Forbidden{"only an admin may " + what}
	}
	return nil
}
