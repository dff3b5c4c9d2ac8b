package pages

import "strings"

// labels are the names of fields for people: beside the field, in the summary of faults, and where changes are shown.
// What is not here reads as its own name.
var labels = map[string]string{
	"id": "ID", "name": "Name", "disabled": "Disabled", "capabilities": "Capabilities",
	"allowed_origins": "Allowed origins", "redirect_uris": "Redirect URIs", "post_logout_redirect_uris": "Redirect URIs after logout",
	"scope": "Scope", "consent_required": "Users must consent", "framed_interaction": "Framed consent",
	"token_endpoint_auth_method": "Client authentication", "jwks": "Keys (JWKS)", "jwks_uri": "Address of the keys",
	"access_token_format": "Access token format", "access_token_seconds": "Access token lifetime", "audience": "Audience",
	"id_token_alg": "ID token algorithm", "id_token_seconds": "ID token lifetime", "refresh_seconds": "Refresh token lifetime",
	"session_idle_seconds": "Session ends when unused for", "session_max_seconds": "Session ends after",
	"scopes": "Scopes", "default_scope": "Default scope", "registration": "Who may register clients",
	"registration_capabilities": "What registered clients may have", "managed_by": "Managed by", "version": "Version",
	"description": "Description", "claims": "Claims", "max_auth_age": "Sign-in at most this old",
	"username": "User name", "email": "E-mail address", "attributes": "Further claims", "locked": "Locked", "role": "Role",
	"external_id": "External ID", "password": "Password", "text": "Text", "file": "File",
	"scope_name": "Name", "hours": "Good for", "format": "Format",
	"event": "Event", "subject": "Subject", "kind": "Kind", "actor": "Actor", "user": "User", "client": "Client", "from": "From", "to": "To", "q": "Search",
}

// label is the name of a field for people.
func label(field string) string {
	if text, known := labels[field]; known {
		return text
	}
	text := strings.ReplaceAll(field, "_", " ")
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
