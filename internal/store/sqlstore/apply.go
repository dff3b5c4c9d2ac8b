package sqlstore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/usher-id/usher/internal/store"
)

// perClient is how much longer a change of many clients may take for each of them.
const perClient = 5 * time.Millisecond

// Apply makes all changes or none. Nothing waits for an answer before the end: of thousands of clients each would cost
// a round trip.
func (s *Store) Apply(ctx context.Context, changes store.Changeset) error {
	puts := make([]clientPut, len(changes.Clients))
	for i, c := range changes.Clients {
		var err error
		if puts[i], err = newClientPut(c.Client, c.Was); err != nil {
			return err
		}
	}
	profile, err := profileDocument(changes.Profile)
	if err != nil {
		return err
	}
	limit := callLimit + time.Duration(len(changes.Clients))*perClient
	much, err := s.endsMuch(ctx, endedBy(changes)...)
	if err != nil {
		return err
	}
	if much {
		limit = endingLimit
	}
	ctx, cancel := patient(ctx, limit)
	defer cancel()
	return s.db.write(ctx, func(t tx) error {
		made := 0
		count := func(row) { made++ }
		wanted := len(changes.Clients)
		if p := changes.Profile; p != nil {
			wanted++
			t.ask(updateProfile, count, profile, p.Was)
			record(t, p.Audit)
		} else {
			t.do(raiseRevision)
		}
		recordRevision(t, configChanges(changes)...)
		for i, c := range changes.Clients {
			if c.Remove {
				t.ask(deleteClientVersion, count, c.Client.ID, c.Was)
				endClient(t, c.Client.ID)
			} else {
				puts[i].ask(t, count)
			}
			record(t, c.Audit)
		}
		record(t, changes.Audit)
		if err := t.query(selectRevision, func(row) {}); err != nil {
			return err
		}
		if made != wanted {
			return store.ErrConflict
		}
		return nil
	})
}

func configChanges(c store.Changeset) (list []configChange) {
	if c.Profile != nil {
		list = append(list, configChange{kind: profileChange})
	}
	for _, client := range c.Clients {
		list = append(list, configChange{clientChange, client.Client.ID})
	}
	return list
}

// profileDocument is the stored form of a changed profile.
func profileDocument(p *store.ProfileChange) (string, error) {
	if p == nil {
		return "", nil
	}
	p.Profile.Version = p.Was + 1
	doc, err := json.Marshal(p.Profile)
	return string(doc), err
}
