package manage

import (
	"slices"

	"github.com/usher-id/usher/internal/oauth"
)

// Operation is one thing that an operator can do. The pages, the admin API (where it is the operationId) and the command
// line name what they do by it, so that none of the three can do more than the others, and who may do it is said once.
type Operation string

// The operations.
const (
	OpShowOverview Operation = "showOverview"
	OpShowSettings Operation = "showSettings"

	OpShowProfile             Operation = "showProfile"
	OpChangeProfile           Operation = "changeProfile"
	OpReleaseProfile          Operation = "releaseProfile"
	OpCreateRegistrationToken Operation = "createRegistrationToken"

	OpListClients       Operation = "listClients"
	OpShowClient        Operation = "showClient"
	OpCreateClient      Operation = "createClient"
	OpChangeClient      Operation = "changeClient"
	OpRemoveClient      Operation = "removeClient"
	OpReleaseClient     Operation = "releaseClient"
	OpResetClientSecret Operation = "resetClientSecret"
	OpTryClient         Operation = "tryClient"
	OpShowSnippet       Operation = "showSnippet"

	OpListAccounts       Operation = "listAccounts"
	OpShowAccount        Operation = "showAccount"
	OpShowSignIns        Operation = "showSignIns"
	OpCreateAccount      Operation = "createAccount"
	OpChangeAccount      Operation = "changeAccount"
	OpRemoveAccount      Operation = "removeAccount"
	OpLockAccount        Operation = "lockAccount"
	OpUnlockAccount      Operation = "unlockAccount"
	OpSetPassword        Operation = "setPassword"
	OpCreatePasswordLink Operation = "createPasswordLink"
	OpListConsents       Operation = "listConsents"
	OpWithdrawConsent    Operation = "withdrawConsent"
	OpShowThrottle       Operation = "showThrottle"
	OpReleaseThrottle    Operation = "releaseThrottle"

	OpListAuthenticators Operation = "listAuthenticators"

	OpListSessions       Operation = "listSessions"
	OpEndSession         Operation = "endSession"
	OpEndAccountSessions Operation = "endAccountSessions"
	OpListDelegations    Operation = "listDelegations"
	OpEndDelegation      Operation = "endDelegation"

	OpListKeys   Operation = "listKeys"
	OpRotateKeys Operation = "rotateKeys"
	OpRevokeKey  Operation = "revokeKey"

	OpListAudit   Operation = "listAudit"
	OpExportAudit Operation = "exportAudit"
	OpListChanges Operation = "listChanges"
	OpShowChange  Operation = "showChange"
	OpUndoChange  Operation = "undoChange"

	OpListOperators      Operation = "listOperators"
	OpSetRole            Operation = "setRole"
	OpRemoveOperator     Operation = "removeOperator"
	OpCreateOperatorLink Operation = "createOperatorLink"

	OpExport       Operation = "exportConfiguration"
	OpApply        Operation = "applyConfiguration"
	OpImportCurity Operation = "importCurity"
)

// least is the least role that may do an operation; what is not in it, nobody may.
var least = map[Operation]oauth.Role{
	OpShowOverview: oauth.RoleViewer, OpShowSettings: oauth.RoleViewer,
	OpShowProfile: oauth.RoleViewer, OpChangeProfile: oauth.RoleAdmin, OpReleaseProfile: oauth.RoleAdmin,
	OpCreateRegistrationToken: oauth.RoleAdmin,

	OpListClients: oauth.RoleViewer, OpShowClient: oauth.RoleViewer, OpShowSnippet: oauth.RoleViewer,
	OpCreateClient: oauth.RoleAdmin, OpChangeClient: oauth.RoleAdmin, OpRemoveClient: oauth.RoleAdmin,
	OpReleaseClient: oauth.RoleAdmin, OpResetClientSecret: oauth.RoleAdmin, OpTryClient: oauth.RoleAdmin,

	OpListAccounts: oauth.RoleViewer, OpShowAccount: oauth.RoleViewer,
	OpShowSignIns: oauth.RoleViewer, OpListConsents: oauth.RoleViewer,
	OpCreateAccount: oauth.RoleOperator, OpChangeAccount: oauth.RoleOperator, OpRemoveAccount: oauth.RoleOperator,
	OpLockAccount: oauth.RoleOperator, OpUnlockAccount: oauth.RoleOperator, OpSetPassword: oauth.RoleOperator,
	OpCreatePasswordLink: oauth.RoleOperator, OpWithdrawConsent: oauth.RoleOperator,
	OpShowThrottle: oauth.RoleViewer, OpReleaseThrottle: oauth.RoleOperator,

	OpListAuthenticators: oauth.RoleViewer,

	OpListSessions: oauth.RoleViewer, OpListDelegations: oauth.RoleViewer, OpEndSession: oauth.RoleOperator,
	OpEndAccountSessions: oauth.RoleOperator, OpEndDelegation: oauth.RoleOperator,

	OpListKeys: oauth.RoleViewer, OpRotateKeys: oauth.RoleAdmin, OpRevokeKey: oauth.RoleAdmin,

	OpListAudit: oauth.RoleViewer, OpExportAudit: oauth.RoleViewer, OpListChanges: oauth.RoleViewer,
	OpShowChange: oauth.RoleViewer, OpUndoChange: oauth.RoleAdmin,

	OpListOperators: oauth.RoleViewer, OpSetRole: oauth.RoleAdmin, OpRemoveOperator: oauth.RoleAdmin,
	OpCreateOperatorLink: oauth.RoleAdmin,

	OpExport: oauth.RoleViewer, OpApply: oauth.RoleAdmin, OpImportCurity: oauth.RoleAdmin,
}

// Operations lists every operation by its name.
func Operations() []Operation {
	list := make([]Operation, 0, len(least))
	for op := range least {
		list = append(list, op)
	}
	slices.Sort(list)
	return list
}

// Least is the least role that may do the operation; false where nobody may.
func Least(op Operation) (oauth.Role, bool) {
	role, known := least[op]
	return role, known
}

// Allowed tells whether somebody with the role may do the operation.
func Allowed(role oauth.Role, op Operation) bool {
	need, known := least[op]
	return known && role.AtLeast(need)
}

// RoleOfScope is what a token's scope lets it do in the admin API: usher.admin everything, usher.read what viewers may.
func RoleOfScope(scope []string) oauth.Role {
	switch {
	case slices.Contains(scope, oauth.ScopeAdmin):
		return oauth.RoleAdmin
	case slices.Contains(scope, oauth.ScopeRead):
		return oauth.RoleViewer
	}
	return ""
}
