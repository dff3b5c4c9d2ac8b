package manage

import "context"

// Snippet is ready-made code for an app, with a client's values in it.
type Snippet struct {
	Framework string `json:"framework"` // "javascript", "angular", "react"
	Language  string `json:"language"`  // of the code, as in "html"
	Code      string `json:"code"`
}

// Snippets are the ready-made code for a client's app; none where the client does not have the assisted token flow.
func (m *Manager) Snippets(ctx context.Context, id string) ([]Snippet, error) {
	return nil, nil
}
