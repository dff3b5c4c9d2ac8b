package sqlstore

import (
	"context"
	"time"

	"github.com/usher-id/usher/internal/store"
)

const (
	// endingRows is how much may end within the time that a request has. Beyond, endingLimit
	// applies, which is enough for hundreds of millions of rows on a slow disk.
	endingRows  = 10_000
	endingLimit = 30 * time.Minute
)

// countEnding counts up to $2 of each kind of row that ends with a client.
var countEnding = sql(`SELECT
	(SELECT count(*) FROM (SELECT 1 FROM delegation WHERE client_id = $1 LIMIT $2) t) +
	(SELECT count(*) FROM (SELECT 1 FROM refresh_family WHERE client_id = $1 LIMIT $2) t) +
	(SELECT count(*) FROM (SELECT 1 FROM consent WHERE client_id = $1 LIMIT $2) t)`)

// endsMuch tells whether what ends with one of the clients takes longer than a request may. A
// database that does not answer is found out here, within the limit of every call.
func (s *Store) endsMuch(ctx context.Context, clientIDs ...string) (much bool, err error) {
	count := func(r row) { much = r.int(0) >= endingRows }
	for _, id := range clientIDs {
		err = s.db.read(ctx, countEnding, count, id, endingRows)
		if much || err != nil {
			break
		}
	}
	return much && err == nil, err
}

// writeEnding is a write that ends all of a client (empty: of none), whatever time that takes: one
// that a million users use can be disabled, too.
func (s *Store) writeEnding(ctx context.Context, clientID string, verb func(tx) error) error {
	if clientID == "" {
		return s.db.write(ctx, verb)
	}
	much, err := s.endsMuch(ctx, clientID)
	if err != nil {
		return err
	}
	if much {
		var cancel context.CancelFunc
		ctx, cancel = patient(ctx, endingLimit)
		defer cancel()
	}
	return s.db.write(ctx, verb)
}

// endedBy are the clients that changes end.
func endedBy(changes store.Changeset) (ids []string) {
	for _, c := range changes.Clients {
		if c.Remove || c.Client.Disabled {
			ids = append(ids, c.Client.ID)
		}
	}
	return ids
}
