package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var (
	insertClient        = sql(`INSERT INTO client (id, doc, version, disabled) VALUES ($1, $2, 1, $3) ON CONFLICT (id) DO NOTHING RETURNING id`)
	updateClient        = sql(`UPDATE client SET doc = $2, version = version + 1, disabled = $3 WHERE id = $1 AND version = $4 RETURNING id`)
	deleteClient        = sql(`DELETE FROM client WHERE id = $1 RETURNING id`)
	deleteClientVersion = sql(`DELETE FROM client WHERE id = $1 AND version = $2 RETURNING id`)

	putClientText = sql(`INSERT INTO client_text (client_id, text) VALUES ($1, $2)
		ON CONFLICT (client_id) DO UPDATE SET text = excluded.text`)
	deleteClientText = sql(`DELETE FROM client_text WHERE client_id = $1`)

	selectClient      = sql(`SELECT doc, version FROM client WHERE id = $1`)
	selectClientsPage = sql(`SELECT doc, version FROM client WHERE id > $1 ORDER BY id LIMIT $2`)
	// searchClients looks through the texts alone, and reads the clients that it found.
	searchClients = sql(`SELECT c.doc, c.version FROM
		(SELECT client_id FROM client_text WHERE client_id > $1 AND text LIKE $3 ESCAPE '!' ORDER BY client_id LIMIT $2) AS t
		JOIN client c ON c.id = t.client_id ORDER BY t.client_id`)

	deleteClientChildren    = sql(`DELETE FROM child_session WHERE client_id = $1`)
	deleteClientDelegations = sql(`DELETE FROM delegation WHERE client_id = $1`)
	deleteClientConsents    = sql(`DELETE FROM consent WHERE client_id = $1`)
)

// document is a client as it is stored.
type document struct {
	text    string
	version int64
}

func documentOf(r row) document { return document{r.text(0), r.int(1)} }

func (d document) client() (c oauth.Client, err error) {
	if err := json.Unmarshal([]byte(d.text), &c); err != nil {
		return c, fmt.Errorf("reading a client: %w", err)
	}
	c.Version = d.version
	return c, nil
}

// clientsOf reads documents, outside of the transaction that they came from.
func clientsOf(docs []document) ([]oauth.Client, error) {
	clients := make([]oauth.Client, len(docs))
	for i, d := range docs {
		var err error
		if clients[i], err = d.client(); err != nil {
			return nil, err
		}
	}
	return clients, nil
}

// clientText is what a search looks through. A line break, which nobody types, keeps its parts apart.
func clientText(c oauth.Client) string { return string(nameKey(c.ID + "\n" + c.Name)) }

// containing is the LIKE pattern of what contains the text, whatever the case.
func containing(text string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(string(nameKey(text))) + "%"
}

// Client reads one client.
func (s *Store) Client(ctx context.Context, id string) (oauth.Client, error) {
	var d document
	if err := s.db.read(ctx, selectClient, func(r row) { d = documentOf(r) }, id); err != nil {
		return oauth.Client{}, err
	}
	if d.text == "" {
		return oauth.Client{}, store.ErrNotFound
	}
	return d.client()
}

// ListClients lists clients by id; with a search, those whose id or name holds the text.
func (s *Store) ListClients(ctx context.Context, search, after string, limit int) ([]oauth.Client, error) {
	q, args := selectClientsPage, []any{after, limit}
	if !storable([]any{search}) {
		return nil, nil // to SQLite a pattern ends with NUL, and an empty one would match
	}
	if search != "" {
		q, args = searchClients, append(args, containing(search))
	}
	docs, err := list(ctx, s, q, documentOf, args...)
	if err != nil {
		return nil, err
	}
	return clientsOf(docs)
}

// clientPut is a client that is about to be stored.
type clientPut struct {
	client oauth.Client
	doc    string
	was    int64
}

func newClientPut(c oauth.Client, was int64) (clientPut, error) {
	c.Version = was + 1
	doc, err := json.Marshal(c)
	return clientPut{c, string(doc), was}, err
}

// ask asks to store it; done is called where it was there at the version that it was to be at.
func (p clientPut) ask(t tx, done func(row)) {
	if p.was == 0 {
		t.ask(insertClient, done, p.client.ID, p.doc, flag(p.client.Disabled))
	} else {
		t.ask(updateClient, done, p.client.ID, p.doc, flag(p.client.Disabled), p.was)
	}
	t.do(putClientText, p.client.ID, clientText(p.client))
	if p.client.Disabled {
		t.do(deleteClientChildren, p.client.ID)
		t.do(deleteClientDelegations, p.client.ID)
		t.do(deleteClientFamilies, p.client.ID)
	}
}

// endClient ends everything of a client that was removed.
func endClient(t tx, clientID string) {
	for _, s := range []*statement{
		deleteClientText, deleteClientChildren, deleteClientDelegations, deleteClientConsents, deleteClientFamilies,
		deleteClientDevices, deleteDeviceClient,
	} {
		t.do(s, clientID)
	}
}

// PutClient creates a client or replaces the version was.
func (s *Store) PutClient(ctx context.Context, c oauth.Client, was int64, a store.Audit) error {
	p, err := newClientPut(c, was)
	if err != nil {
		return err
	}
	ending := ""
	if c.Disabled {
		ending = c.ID
	}
	return s.writeEnding(ctx, ending, func(t tx) error {
		put, found := false, false
		t.do(raiseRevision)
		recordRevision(t, configChange{clientChange, c.ID})
		p.ask(t, func(row) { put = true })
		if err := t.query(selectClient, func(row) { found = true }, c.ID); err != nil {
			return err
		}
		switch {
		case put:
			record(t, a)
			return nil
		case found:
			return store.ErrConflict
		}
		return store.ErrNotFound
	})
}

// RemoveClient ends everything of the client.
func (s *Store) RemoveClient(ctx context.Context, clientID string, a store.Audit) error {
	return s.writeEnding(ctx, clientID, func(t tx) error {
		found := false
		t.do(raiseRevision)
		recordRevision(t, configChange{clientChange, clientID})
		if err := t.query(deleteClient, func(row) { found = true }, clientID); err != nil {
			return err
		}
		if !found {
			return store.ErrNotFound
		}
		endClient(t, clientID)
		record(t, a)
		return nil
	})
}
