package manage

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"html"
	"text/template"

	"github.com/usher-id/usher/internal/oauth"
)

// Snippet is ready-made code for an app, with a client's values in it.
type Snippet struct {
	Framework string `json:"framework"` // "javascript", "angular", "react"
	Language  string `json:"language"`  // of the code, as in "html"
	Code      string `json:"code"`
}

//go:embed snippets
var snippetFiles embed.FS

// snippetTemplates read values only by the functions that escape them: a value is a literal, or a whole attribute.
var snippetTemplates = template.Must(template.New("").Delims("<<", ">>").Funcs(template.FuncMap{
	"literal":   literal,
	"attribute": html.EscapeString,
}).ParseFS(snippetFiles, "snippets/*"))

// literal is a text as a JavaScript literal that ends neither itself nor a script element or comment around it.
func literal(text string) (string, error) {
	b, err := json.Marshal(text) // escapes <, >, & and both line separators
	return string(b), err
}

// Snippets are the ready-made code for a client's app; none where the client does not have the assisted token flow.
func (m *Manager) Snippets(ctx context.Context, id string) ([]Snippet, error) {
	c, err := m.Client(ctx, id)
	if err != nil {
		return nil, err
	}
	if m.BaseURL == "" {
		return nil, errors.New("an app needs this server's address: set base_url")
	}
	list := []Snippet{}
	if !c.Can(oauth.CapAssistedToken) {
		return list, nil
	}
	values := struct{ Server, Client, Origin string }{m.BaseURL, c.ID, "https://app.example.com"}
	if len(c.AllowedOrigins) > 0 {
		values.Origin = string(c.AllowedOrigins[0])
	}
	for _, s := range []Snippet{
		{Framework: "javascript", Language: "html"},
		{Framework: "angular", Language: "typescript"},
		{Framework: "react", Language: "tsx"},
	} {
		var code bytes.Buffer
		if err := snippetTemplates.ExecuteTemplate(&code, s.Framework+"."+s.Language, values); err != nil {
			return nil, err
		}
		s.Code = code.String()
		list = append(list, s)
	}
	return list, nil
}
