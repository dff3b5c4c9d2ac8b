package pages

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func (p *Pages) clientRoutes() []route.Route {
	return []route.Route{
		{Pattern: "GET /admin/clients", Op: manage.OpListClients, Handle: p.listClients},
		{Pattern: "GET /admin/clients/new", Op: manage.OpCreateClient, Handle: p.beginWizard},
		{Pattern: "POST /admin/clients/new", Op: manage.OpCreateClient, Handle: p.continueWizard},
		{Pattern: "GET /admin/clients/{id}", Op: manage.OpShowClient, Handle: p.showClient},
		{Pattern: "GET /admin/clients/{id}/edit", Op: manage.OpChangeClient, Handle: p.editClient},
		{Pattern: "POST /admin/clients/{id}/edit", Op: manage.OpChangeClient, Handle: p.changeClient},
		{Pattern: "GET /admin/clients/{id}/disable", Op: manage.OpChangeClient, Handle: p.askDisableClient},
		{Pattern: "POST /admin/clients/{id}/disable", Op: manage.OpChangeClient, Handle: p.disableClient},
		{Pattern: "POST /admin/clients/{id}/enable", Op: manage.OpChangeClient, Handle: p.enableClient},
		{Pattern: "GET /admin/clients/{id}/secret", Op: manage.OpResetClientSecret, Handle: p.askResetSecret},
		{Pattern: "POST /admin/clients/{id}/secret", Op: manage.OpResetClientSecret, Handle: p.resetSecret},
		{Pattern: "GET /admin/clients/{id}/release", Op: manage.OpReleaseClient, Handle: p.askReleaseClient},
		{Pattern: "POST /admin/clients/{id}/release", Op: manage.OpReleaseClient, Handle: p.releaseClient},
		{Pattern: "GET /admin/clients/{id}/remove", Op: manage.OpRemoveClient, Handle: p.askRemoveClient},
		{Pattern: "POST /admin/clients/{id}/remove", Op: manage.OpRemoveClient, Handle: p.removeClient},
		{Pattern: "GET /admin/clients/{id}/snippets", Op: manage.OpShowSnippet, Handle: p.showSnippets},
		{Pattern: "GET /admin/clients/{id}/try", Op: manage.OpTryClient, Handle: p.showTry},
		{Pattern: "POST /admin/clients/{id}/try", Op: manage.OpTryClient, Handle: p.beginTry},
	}
}

// clientsView is a page of the list.
type clientsView struct {
	Form   *form
	Search string
	Rows   []clientRow
	Pager  pager
	MayAdd bool
}

// clientRow is a client in a list. Warnings is how many things are unsafe about it.
type clientRow struct {
	ID, Name, Path string
	Capabilities   []string
	Badges         []badge
}

// badge is a word beside a name; Class colours it.
type badge struct{ Class, Text string }

// listClients costs one query.
func (p *Pages) listClients(c *route.Call) error {
	q := c.R.URL.Query()
	search := strings.TrimSpace(q.Get("q"))
	page, err := c.Manage.ListClients(c.R.Context(), search, q.Get("cursor"), pageSize)
	if err != nil {
		return err
	}
	v := clientsView{
		Form: &form{Values: map[string][]string{"q": one(search)}}, Search: search,
		Pager: newPager(c, page.Next), MayAdd: c.Caller.May(manage.OpCreateClient),
	}
	for i := range page.Items {
		client := &page.Items[i]
		v.Rows = append(v.Rows, clientRow{client.ID, client.DisplayName(), clientPath(client.ID), as[string](client.Capabilities), p.badges(client)})
	}
	return p.render(c, http.StatusOK, "clients.html", "Clients", v)
}

// badges say what there is to know of a client at a glance.
func (p *Pages) badges(c *oauth.Client) []badge {
	var list []badge
	if c.Disabled {
		list = append(list, badge{"bad", "disabled"})
	}
	if c.IsPublic() {
		list = append(list, badge{"", "public"})
	}
	if isBuiltIn(c.ID) {
		list = append(list, badge{"info", "built in"})
	}
	if c.ManagedBy != "" {
		list = append(list, badge{"info", "managed"})
	}
	if len(c.RegistrationTokenHash) > 0 {
		list = append(list, badge{"info", "registered"})
	}
	if p.Now().Before(c.TrialUntil) {
		list = append(list, badge{"warn", "on trial"})
	}
	if n := len(manage.Warnings(c)); n > 0 {
		list = append(list, badge{"warn", counted(n, "warning")})
	}
	return list
}

// isBuiltIn tells whether the server makes the client for itself, so that nobody else changes it.
func isBuiltIn(id string) bool { return id == oauth.AdminClientID || strings.HasPrefix(id, "usher-") }

// clientView is all there is to read about a client.
type clientView struct {
	Client   *oauth.Client
	Path     string
	Badges   []badge
	Warnings []string
	// Off are the client's flows that are off in the profile, so that nobody can use them.
	Off      []string
	Managed  managed
	BuiltIn  bool
	Trial    time.Time // zero where there is none
	Sections []readSection
	// History and Users lead to what happened to the client, and to who uses it.
	History, Users string
	May            clientRights
}

// clientRights are what the page offers.
type clientRights struct{ Change, Remove, Reset, Try, Snippets bool }

// readSection and readSetting are settings for reading; those without a value are left out.
type readSection struct {
	ID, Title string
	Settings  []readSetting
}

type readSetting struct {
	Label string
	// Lines are the values, or Text is a long one.
	Lines []string
	Text  string
}

func (p *Pages) showClient(c *route.Call) error {
	client, profile, err := clientAndProfile(c)
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, "clients_show.html", client.DisplayName(), p.viewClient(c, &client, &profile))
}

// clientAndProfile reads the client that the address names, and the profile, without which a client cannot be explained.
func clientAndProfile(c *route.Call) (client oauth.Client, profile oauth.Profile, err error) {
	if client, err = c.Manage.Client(c.R.Context(), c.R.PathValue("id")); err != nil {
		return client, profile, err
	}
	profile, err = c.Manage.Profile(c.R.Context())
	return client, profile, err
}

func (p *Pages) viewClient(c *route.Call, client *oauth.Client, profile *oauth.Profile) clientView {
	v := clientView{
		Client: client, Path: clientPath(client.ID), Badges: p.badges(client), Warnings: manage.Warnings(client),
		Off: switchedOff(profile, client.Capabilities, client.ID), BuiltIn: isBuiltIn(client.ID),
		Sections: read(clientSections(profile), client),
		History:  historyPath(store.KindClient, client.ID), Users: delegationsPath(client.ID, ""),
	}
	if p.Now().Before(client.TrialUntil) {
		v.Trial = client.TrialUntil
	}
	v.Managed = managed{What: "this client", By: client.ManagedBy}
	if client.ManagedBy != "" && c.Caller.May(manage.OpReleaseClient) {
		v.Managed.Release = v.Path + "/release"
	}
	if v.BuiltIn {
		return v
	}
	editable := client.ManagedBy == ""
	assisted := client.Can(oauth.CapAssistedToken)
	v.May = clientRights{
		Change: c.Caller.May(manage.OpChangeClient) && editable, Remove: c.Caller.May(manage.OpRemoveClient) && editable,
		Reset: c.Caller.May(manage.OpResetClientSecret) && editable && hasSecret(client),
		Try:   c.Caller.May(manage.OpTryClient) && assisted && !client.Disabled, Snippets: c.Caller.May(manage.OpShowSnippet) && assisted,
	}
	return v
}

// MayDisable is true for managed clients too: an emergency cannot wait for a file.
func (v clientView) MayDisable(c route.Caller) bool {
	return !v.BuiltIn && !v.Client.Disabled && c.May(manage.OpChangeClient)
}

// hasSecret tells whether the client proves who it is by a secret.
func hasSecret(c *oauth.Client) bool { return len(c.SecretHash) > 0 }

// switchedOff lists the capabilities that the profile does not have.
func switchedOff(p *oauth.Profile, capabilities []oauth.Capability, id string) []string {
	c := &oauth.Client{ID: id, Capabilities: capabilities}
	var off []string
	for _, k := range capabilities {
		if !p.Allows(c, k) {
			off = append(off, string(k))
		}
	}
	return off
}

func read(sections []clientSection, c *oauth.Client) []readSection {
	var list []readSection
	for _, section := range sections {
		r := readSection{ID: section.id, Title: section.title}
		for _, s := range section.settings {
			if values := s.get(c); len(values) > 0 {
				r.Settings = append(r.Settings, readOne(s, values))
			}
		}
		if len(r.Settings) > 0 {
			list = append(list, r)
		}
	}
	return list
}

func readOne(s clientSetting, values []string) readSetting {
	r := readSetting{Label: s.label}
	switch s.kind {
	case asJSON:
		r.Text = values[0]
	case asList:
		r.Lines = strings.Split(values[0], "\n")
	case asBox:
		r.Lines = []string{"yes"}
	case asSelect:
		i := slices.IndexFunc(s.options, func(o option) bool { return o.Value == values[0] })
		if i < 0 {
			r.Lines = values
			break
		}
		r.Lines = []string{s.options[i].Label}
	default:
		r.Lines = values
	}
	return r
}

func (p *Pages) showSnippets(c *route.Call) error {
	client, err := c.Manage.Client(c.R.Context(), c.R.PathValue("id"))
	if err != nil {
		return err
	}
	snippets, err := c.Manage.Snippets(c.R.Context(), client.ID)
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, "clients_snippets.html", "Snippets for "+client.DisplayName(), snippetsView{&client, clientPath(client.ID), snippets})
}

// snippetsView is ready-made code for a client's app.
type snippetsView struct {
	Client   *oauth.Client
	Path     string
	Snippets []manage.Snippet
}

// frameworkName is what people call a framework of a snippet.
func frameworkName(id string) string {
	switch id {
	case "javascript":
		return "JavaScript"
	case "angular":
		return "Angular"
	case "react":
		return "React"
	}
	return id
}
