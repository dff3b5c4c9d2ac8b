package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// Addresses of things, for links.

func clientPath(id string) string { return "/admin/clients/" + url.PathEscape(id) }

func accountPath(id oauth.ID) string { return "/admin/accounts/" + id.String() }

func changePath(id oauth.ID) string { return "/admin/changes/" + id.String() }

// historyPath lists the changes of one thing.
func historyPath(kind, subject string) string {
	q := url.Values{"kind": {kind}}
	if subject != "" {
		q.Set("subject", subject)
	}
	return "/admin/changes?" + q.Encode()
}

// subjectPath leads to what a change or a warning is about; empty where there is no such page.
func subjectPath(kind, subject string) string {
	switch kind {
	case store.KindClient:
		return clientPath(subject)
	case store.KindAccount:
		return "/admin/accounts/" + url.PathEscape(subject)
	case store.KindProfile:
		return "/admin/profile"
	case store.KindKeys:
		return "/admin/keys"
	}
	return ""
}

// sectionIs tells whether a request is to a section of the pages.
func sectionIs(r *http.Request, section string) bool {
	rest, found := strings.CutPrefix(r.URL.Path, "/admin/"+section)
	return found && (rest == "" || rest[0] == '/')
}

// sentence begins with a capital letter and ends with a stop.
func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}
